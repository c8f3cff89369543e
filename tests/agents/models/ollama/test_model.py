"""An Ollama model, by the real SDK, on a server that says what Ollama says."""

import asyncio
import base64
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, Protocol

import pytest

from blackroad.agents.models.ollama.provider import OllamaProvider
from blackroad.agents.models.patience import Patience, TimeUp
from blackroad.agents.models.text_model import TextModel
from blackroad.client import (
    AnswerFailed,
    Finished,
    JSONValue,
    Media,
    Message,
    Options,
    Text,
    Thinking,
    ToolCall,
    Usage,
)
from tests.agents.models.asking import CALM, EVERYTHING, HURRY, WEATHER, ask
from tests.agents.models.peer import Peer, Reply


class Made(Protocol):
    """Makes a model on a peer."""

    async def __call__(self, peer: Peer, patience: Patience = CALM) -> TextModel: ...


@pytest.fixture
async def made(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Made]:
    """Give a maker of models on a peer."""
    providers: list[OllamaProvider] = []

    async def make(peer: Peer, patience: Patience = CALM) -> TextModel:
        monkeypatch.setenv("OLLAMA_HOST", peer.address)
        providers.append(OllamaProvider(patience, 4096))
        await providers[-1].models()  # the import takes longer than a test has patience for
        peer.heard.clear()
        return providers[-1].model("m:1b")

    yield make
    for provider in providers:
        await provider.close()


def said(text: str = "", **more: JSONValue) -> dict[str, JSONValue]:
    return {"message": {"role": "assistant", "content": text, **more}, "done": False}


def done(reason: str = "stop") -> dict[str, JSONValue]:
    return {
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": reason,
        "prompt_eval_count": 7,
        "eval_count": 3,
    }


NOTHING: Final = Reply.json({"models": []})
TURNS: Final = [Message.of("user", "a"), Message.of("assistant", "b"), Message.of("user", "c")]


async def test_a_lone_prompt_is_generated_with_the_guides_default(made: Made) -> None:
    lines = Reply.lines({"response": "he"}, {"response": "y"}, {"response": "", "done": True})
    async with Peer(NOTHING, lines) as peer:
        model = await made(peer)
        parts = await ask(model, [Message.of("system", "be brief"), Message.of("user", "hi")])
    assert parts == [Text("he"), Text("y"), Finished(usage=Usage(0, 2))]
    assert peer.heard[0].path == "/api/generate"
    assert peer.heard[0].body == {
        "model": "m:1b",
        "prompt": "hi",
        "system": "be brief",
        "options": {"num_predict": 4096},
        "stream": True,
    }


async def test_thinking_text_calls_reason_and_counts_are_told(made: Made) -> None:
    call: JSONValue = {"function": {"name": "weather", "arguments": {"city": "Ulm"}}}
    lines = Reply.lines(said(thinking="hm"), said("a"), said(tool_calls=[call]), done())
    async with Peer(NOTHING, lines) as peer:
        parts = await ask(await made(peer), TURNS)
    assert peer.heard[0].path == "/api/chat"
    assert parts[:2] == [Thinking("hm"), Text("a")]
    assert isinstance(parts[2], ToolCall)
    assert (parts[2].name, parts[2].arguments) == ("weather", '{"city":"Ulm"}')
    assert parts[2].tool_call_id
    assert parts[3] == Finished("tool_calls", usage=Usage(7, 3))


async def test_done_by_length_is_length(made: Made) -> None:
    async with Peer(NOTHING, Reply.lines(said("a"), done("length"))) as peer:
        assert (await ask(await made(peer), TURNS))[-1] == Finished("length", usage=Usage(7, 3))


async def test_every_part_and_option_is_translated(made: Made) -> None:
    options = Options(
        max_tokens=9,
        temperature=0.5,
        stop=("END",),
        seed=4,
        tools_json=WEATHER,
        response_format_json='{"type": "object"}',
    )
    async with Peer(NOTHING, Reply.lines(said("{}"), done())) as peer:
        parts = await ask(await made(peer), EVERYTHING, options)
    body = dict(peer.heard[0].body)
    assert body["messages"] == [
        {"role": "system", "content": "be brief"},
        {
            "role": "user",
            "content": 'look: \na,b\n\n{"n": 1}\n',
            "images": [base64.b64encode(b"png").decode()],
        },
        {
            "role": "assistant",
            "content": "I ask.",
            "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Ulm"}}}],
        },
        {"role": "tool", "content": "rain", "tool_name": "weather"},
        {"role": "tool", "content": "Error: no", "tool_name": "c2"},
        {"role": "user", "content": "and now?"},
    ]
    assert body["options"] == {"num_predict": 9, "temperature": 0.5, "seed": 4, "stop": ["END"]}
    assert body["format"] == {"type": "object"}
    assert "'city': {'type': 'string'}" in str(body["tools"]), "schemas are kept at any depth"
    assert parts[-1] == Finished("stop", output="{}", usage=Usage(7, 3))


@pytest.mark.parametrize(
    ("choice", "offered"),
    [("", ["weather", "clock"]), ('"none"', []), ('{"name": "clock"}', ["clock"])],
)
async def test_a_choice_of_tools_leaves_out_the_others(
    made: Made, choice: str, offered: list[str]
) -> None:
    options = Options(tools_json=WEATHER, tool_choice_json=choice)
    async with Peer(NOTHING, Reply.lines(done())) as peer:
        await ask(await made(peer), "hi", options)
    assert [name for name in ("weather", "clock") if name in str(peer.heard[0].body)] == offered


@pytest.mark.parametrize(
    ("messages", "options", "what"),
    [
        ([Message("user", (Media("image", url="http://x/y.png"),))], Options(), "by address"),
        ([Message("user", (Media("file", data=b"%PDF", media_type="a/pdf"),))], Options(), "a/pdf"),
        ([Message("assistant", (ToolCall("c", "f", "[1]"),))], Options(), "JSON objects"),
        (TURNS, Options(tools_json="{"), "tools is not JSON"),
        (TURNS, Options(tools_json='{"a": 1}'), "tools is a list"),
        (TURNS, Options(tools_json='[{"x": 1}]'), "tools has entries such as"),
        (TURNS, Options(tools_json="[]", tool_choice_json='{"name": "x"}'), "none of the tools"),
        (TURNS, Options(tool_choice_json="7"), "tool_choice is"),
        (TURNS, Options(response_format_json="7"), "response_format is"),
    ],
)
async def test_what_has_no_words_is_refused_before_anything_is_sent(
    made: Made, messages: list[Message], options: Options, what: str
) -> None:
    async with Peer(NOTHING) as peer:
        with pytest.raises(AnswerFailed, match=what) as raised:
            await ask(await made(peer), messages, options)
        assert peer.heard == []
    assert raised.value.code == "model_error"


@pytest.mark.parametrize(
    ("reply", "code", "retryable"),
    [
        (Reply.json({"error": "model 'm:1b' not found"}, 404), "model_not_found", False),
        (Reply.json({"error": "secret"}, 401), "model_unavailable", False),
        (Reply.json({"error": "server busy, secret"}, 503), "model_overloaded", True),
        (Reply.json({"error": "m:1b does not support tools"}, 400), "model_error", False),
        (Reply.json({"error": "secret"}, 400), "model_error", False),
        (Reply.json({"error": "secret"}, 500), "model_error", False),
        (Reply.json({"error": "secret"}, 502), "model_unavailable", True),
        (Reply.lines(said("a"), {"error": "runner killed, secret"}), "model_error", False),
        (Reply.lines(said("a"), ending="cut"), "model_unavailable", True),
        (Reply.lines(said("a")), "model_unavailable", True),
        (Reply.lines(ending="cut"), "model_unavailable", True),
        (Reply([b"<html>secret</html>\n"]), "model_error", False),
        (Reply([b"[1]\n"]), "model_error", False),
        (Reply([b'{"message": 5, "secret": 1}\n']), "model_error", False),
    ],
)
async def test_each_failure_is_a_public_code_without_the_providers_text(
    made: Made, reply: Reply, code: str, retryable: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "blackroad.agents"):
        async with Peer(NOTHING, reply) as peer:
            with pytest.raises(AnswerFailed) as raised:
                await ask(await made(peer), TURNS)
    assert (raised.value.code, raised.value.retryable) == (code, retryable)
    assert "secret" not in raised.value.message


async def test_what_a_model_cannot_do_is_said(made: Made) -> None:
    reply = Reply.json({"error": "registry/m:1b does not support tools"}, 400)
    async with Peer(NOTHING, reply) as peer:
        with pytest.raises(AnswerFailed, match="m:1b does not support tools"):
            await ask(await made(peer), TURNS, Options(tools_json=WEATHER))


async def test_a_server_that_is_away_is_unavailable_and_says_what_to_do(made: Made) -> None:
    async with Peer(NOTHING) as peer:
        model = await made(peer)
    with pytest.raises(AnswerFailed, match="ollama serve") as raised:
        await ask(model)
    assert (raised.value.code, raised.value.retryable) == ("model_unavailable", True)


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        (Reply.lines(ending="hang"), "did not begin"),
        (Reply.lines(said("a"), ending="hang"), "fell silent"),
    ],
)
async def test_silence_ends_it_and_hangs_up(made: Made, reply: Reply, what: str) -> None:
    async with Peer(NOTHING, reply) as peer:
        with pytest.raises(AnswerFailed, match=what) as raised:
            await ask(await made(peer, HURRY), TURNS)
        await peer.wait_for_hang_up()
    assert (raised.value.code, raised.value.retryable) == ("model_unavailable", True)


async def test_the_callers_time_is_the_providers(made: Made) -> None:
    async with Peer(NOTHING, Reply.lines(said("a"), ending="hang")) as peer:
        model = await made(peer)
        with pytest.raises(TimeUp):
            await ask(model, TURNS, until=asyncio.get_running_loop().time() + 0.2)
        await peer.wait_for_hang_up()


async def test_leaving_it_hangs_up_and_what_it_cost_is_known(made: Made) -> None:
    async with Peer(NOTHING, Reply.lines(said("a"), said("b"), ending="hang")) as peer:
        parts = (await made(peer)).answer(TURNS, Options())
        async with aclosing(parts):
            assert [await anext(parts) for _ in range(4)][-1] == Usage(0, 2)
        await peer.wait_for_hang_up()


@pytest.mark.parametrize("text", ["no JSON", '{"long": "' + "x" * (60 << 10) + '"}'])
async def test_a_result_that_is_none_fails_with_its_cost(made: Made, text: str) -> None:
    options = Options(response_format_json='{"type": "json_object"}')
    async with Peer(NOTHING, Reply.lines(said(text), done())) as peer:
        with pytest.raises(AnswerFailed) as raised:
            await ask(await made(peer), TURNS, options)
    assert peer.heard[0].body["format"] == "json"
    assert (raised.value.code, raised.value.usage) == ("model_error", Usage(7, 3))
