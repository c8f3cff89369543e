"""An Anthropic model, by the real SDK, on a server that says what Anthropic says."""

import asyncio
import base64
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, Protocol

# Before the clock runs: where it is not compiled yet that takes longer than patience lasts.
import anthropic  # noqa: F401  # pyright: ignore[reportUnusedImport]
import pytest

from blackroad.agents.models.anthropic.model import Manner
from blackroad.agents.models.anthropic.provider import AnthropicProvider
from blackroad.agents.models.patience import Patience, TimeUp
from blackroad.agents.models.text_model import TextModel
from blackroad.client import (
    AnswerFailed,
    Finished,
    JSONValue,
    Message,
    Options,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
)
from tests.agents.models.asking import CALM, EVERYTHING, HURRY, WEATHER, ask
from tests.agents.models.peer import Peer, Reply


class Made(Protocol):
    """Makes a model on a peer."""

    def __call__(self, peer: Peer, patience: Patience = CALM, thinking: int = 0) -> TextModel: ...


Event = dict[str, JSONValue]

KEY: Final = "sk-very-secret"


@pytest.fixture
async def made(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Made]:
    """Give a maker of models on a peer."""
    providers: list[AnthropicProvider] = []

    def make(peer: Peer, patience: Patience = CALM, thinking: int = 0) -> TextModel:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://{peer.address}")
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        providers.append(AnthropicProvider(Manner(patience, 4096, thinking)))
        return providers[-1].model("claude")

    yield make
    for provider in providers:
        await provider.close()


def start(**tokens: int) -> Event:
    usage: JSONValue = {"input_tokens": 5, "output_tokens": 1, **tokens}
    return {"type": "message_start", "message": {"id": "m", "role": "assistant", "usage": usage}}


def block(index: int, kind: str, **more: JSONValue) -> Event:
    return {
        "type": "content_block_start",
        "index": index,
        "content_block": {"type": kind, **more},
    }


def delta(index: int, kind: str, **more: JSONValue) -> Event:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **more}}


def stop(index: int) -> Event:
    return {"type": "content_block_stop", "index": index}


def ending(reason: str = "end_turn", tokens: int = 9) -> list[Event]:
    usage: JSONValue = {"output_tokens": tokens}
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
        {"type": "message_stop"},
    ]


def spoken(*texts: str) -> list[Event]:
    deltas = [delta(0, "text_delta", text=text) for text in texts]
    return [block(0, "text", text=""), *deltas]


def answer(*texts: str, reason: str = "end_turn") -> Reply:
    return Reply.events(start(), *spoken(*texts), stop(0), *ending(reason))


THOUGHT: Final = Reply.events(
    start(cache_creation_input_tokens=100, cache_read_input_tokens=1000),
    {"type": "ping"},
    block(0, "thinking", thinking="", signature=""),
    delta(0, "thinking_delta", thinking="hm, "),
    delta(0, "thinking_delta", thinking="weather"),
    delta(0, "signature_delta", signature="SIGNED"),
    stop(0),
    block(1, "redacted_thinking", data="DARK"),
    stop(1),
    block(2, "tool_use", id="c1", name="weather", input={}),
    delta(2, "input_json_delta", partial_json='{"city": '),
    delta(2, "input_json_delta", partial_json='"Ulm"}'),
    stop(2),
    {"type": "something_new", "index": 7},
    *ending("tool_use", 40),
)


async def test_text_usage_and_reason_are_told(made: Made) -> None:
    async with Peer(answer("he", "y")) as peer:
        parts = await ask(made(peer))
    assert parts == [Text("he"), Text("y"), Finished("stop", usage=Usage(5, 9))]
    assert peer.heard[0].path == "/v1/messages"
    assert peer.heard[0].headers["authorization"] == f"Bearer {KEY}"
    assert peer.heard[0].body == {
        "model": "claude",
        "max_tokens": 4096,
        "stream": True,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ("max_tokens", "length"),
        ("stop_sequence", "stop"),
        ("model_context_window_exceeded", "length"),
        ("something_new", "stop"),
    ],
)
async def test_each_stop_reason_is_one_of_ours(made: Made, told: str, reason: str) -> None:
    async with Peer(answer("a", reason=told)) as peer:
        finished = (await ask(made(peer)))[-1]
    assert isinstance(finished, Finished)
    assert finished.reason == reason


async def test_a_refusal_is_an_error(made: Made) -> None:
    async with Peer(answer("a", reason="refusal")) as peer:
        with pytest.raises(AnswerFailed) as raised:
            await ask(made(peer))
    assert raised.value.code == "model_error"


async def test_thinking_and_calls_are_told_and_all_input_is_counted(made: Made) -> None:
    async with Peer(THOUGHT) as peer:
        parts = await ask(made(peer))
    assert parts == [
        Thinking("hm, "),
        Thinking("weather"),
        ToolCall("c1", "weather", '{"city": "Ulm"}'),
        Finished("tool_calls", usage=Usage(1105, 40)),
    ]


async def test_thinking_goes_back_signed_with_the_results_of_its_tools(made: Made) -> None:
    turns = [
        Message.of("user", "weather?"),
        Message("assistant", (ToolCall("c1", "weather", '{"city": "Ulm"}'),)),
        Message("tool", (ToolResult("c1", "rain"),)),
    ]
    async with Peer(THOUGHT, answer("wet")) as peer:
        model = made(peer, thinking=2000)
        await ask(model)
        await ask(model, turns)
        await ask(made(peer, thinking=2000), turns)
    first, second, third = (heard.body for heard in peer.heard)
    assert first["thinking"] == {"type": "enabled", "budget_tokens": 2000}
    messages = second["messages"]
    assert isinstance(messages, list)
    assert messages[1] == {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm, weather", "signature": "SIGNED"},
            {"type": "redacted_thinking", "data": "DARK"},
            {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Ulm"}},
        ],
    }
    assert second["thinking"] == first["thinking"]
    assert "thinking" not in str(third), "another process has no signature and must not think"


async def test_every_part_and_option_is_translated(made: Made) -> None:
    options = Options(
        max_tokens=9,
        temperature=0.5,
        stop=("END",),
        seed=4,
        tools_json=WEATHER,
        tool_choice_json='{"type": "function", "function": {"name": "clock"}}',
        response_format_json='{"type": "object", "properties": {}}',
    )
    async with Peer(answer('{"a": 1}')) as peer:
        parts = await ask(made(peer, thinking=2000), EVERYTHING, options)
    body = dict(peer.heard[0].body)
    image = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(b"png").decode()}
    result = {"type": "tool_result", "tool_use_id": "c1", "content": "rain", "is_error": False}
    assert body["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "look: "},
                {"type": "image", "source": image},
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "a,b"},
                },
                {"type": "text", "text": '{"n": 1}'},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I ask."},
                {"type": "tool_use", "id": "c1", "name": "weather", "input": {"city": "Ulm"}},
            ],
        },
        {
            "role": "user",
            "content": [
                result,
                result | {"tool_use_id": "c2", "content": "no", "is_error": True},
                {"type": "text", "text": "and now?"},
            ],
        },
    ]
    assert (body["system"], body["stop_sequences"]) == ("be brief", ["END"])
    assert (body["max_tokens"], body["temperature"]) == (9, 0.5)
    assert body["tool_choice"] == {"type": "tool", "name": "clock"}
    assert "'input_schema': {'type': 'object'" in str(body["tools"])
    assert "'type': 'json_schema'" in str(body["output_config"])
    assert "thinking" not in body, "there are too few tokens to think"
    assert parts[-1] == Finished("stop", output='{"a":1}', usage=Usage(5, 9))


def error(kind: str, status: int, **headers: str) -> Reply:
    value: JSONValue = {"type": "error", "error": {"type": kind, "message": f"secret {KEY}"}}
    return Reply.json(value, status, **headers)


def broken_off(kind: str) -> Reply:
    late: Event = {"type": "error", "error": {"type": kind, "message": "secret"}}
    return Reply.events(start(), *spoken("a"), late)


@pytest.mark.parametrize(
    ("reply", "code", "after"),
    [
        (error("authentication_error", 401), "model_unavailable", None),
        (error("not_found_error", 404), "model_not_found", None),
        (error("invalid_request_error", 400), "model_error", None),
        (error("request_too_large", 413), "model_error", None),
        (error("rate_limit_error", 429, retry_after="7"), "model_overloaded", 7.0),
        (error("rate_limit_error", 429, retry_after="soon"), "model_overloaded", None),
        (error("overloaded_error", 529), "model_overloaded", None),
        (error("api_error", 500), "model_unavailable", None),
        (broken_off("overloaded_error"), "model_overloaded", None),
        (broken_off("api_error"), "model_unavailable", None),
        (Reply.events(start(), *spoken("a"), ending="cut"), "model_unavailable", None),
        (Reply.events(start(), *spoken("a")), "model_unavailable", None),
        (Reply([b"<html>secret</html>"]), "model_error", None),
        (Reply([b"event: message_start\ndata: {\n\n"]), "model_error", None),
        (Reply.events(start(), delta(3, "text_delta", text="a")), "model_error", None),
    ],
)
async def test_each_failure_is_a_public_code_without_the_providers_text(
    made: Made, reply: Reply, code: str, after: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "blackroad.agents"):
        async with Peer(reply) as peer:
            with pytest.raises(AnswerFailed) as raised:
                await ask(made(peer))
    failed = raised.value
    assert (failed.code, failed.retry_after_seconds) == (code, after)
    assert "secret" not in failed.message
    assert len(peer.heard) == 1, "it is not tried again behind the caller's back"


async def test_a_server_that_is_away_is_unavailable(made: Made) -> None:
    async with Peer(answer()) as peer:
        model = made(peer)
    with pytest.raises(AnswerFailed, match="ANTHROPIC_BASE_URL") as raised:
        await ask(model)
    assert (raised.value.code, raised.value.retryable) == ("model_unavailable", True)


async def test_pings_are_no_silence(made: Made) -> None:
    pings: list[Event] = [{"type": "ping"}] * 6
    reply = Reply.events(start(), *pings, *spoken("a"), *ending(), pause_seconds=0.1)
    async with Peer(answer(), reply) as peer:
        model = made(peer, HURRY)
        await ask(made(peer))  # the import takes longer than a test has patience for
        assert (await ask(model))[0] == Text("a")


async def test_silence_ends_it_and_hangs_up(made: Made) -> None:
    hanging = Reply.events(start(), *spoken("a"), ending="hang")
    async with Peer(answer(), hanging) as peer:
        await ask(made(peer))
        with pytest.raises(AnswerFailed, match="fell silent"):
            await ask(made(peer, HURRY))
        await peer.wait_for_hang_up()


async def test_the_callers_time_is_the_providers(made: Made) -> None:
    async with Peer(answer(), Reply.events(start(), ending="hang")) as peer:
        model = made(peer)
        await ask(model)
        with pytest.raises(TimeUp):
            await ask(model, until=asyncio.get_running_loop().time() + 0.2)
        await peer.wait_for_hang_up()


async def test_leaving_it_hangs_up_and_what_it_cost_is_known(made: Made) -> None:
    async with Peer(Reply.events(start(), *spoken("a", "b", "c"), ending="hang")) as peer:
        parts = made(peer).answer([Message.of("user", "hi")], Options())
        costs: list[Usage] = []
        async with aclosing(parts):
            while len(costs) < 5:
                part = await anext(parts)
                if isinstance(part, Usage):
                    costs.append(part)
        await peer.wait_for_hang_up()
    assert costs[-1] == Usage(5, 3)


async def test_its_models_are_listed_once(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    listed: JSONValue = {"data": [{"id": "claude", "type": "model"}], "has_more": False}
    async with Peer(Reply.json(listed)) as peer:
        made(peer)
        provider = AnthropicProvider(Manner(CALM, 4096, 0))
        assert [await provider.models(), await provider.models()] == [["claude"]] * 2
        assert [heard.path.partition("?")[0] for heard in peer.heard] == ["/v1/models"]
        monkeypatch.delenv("ANTHROPIC_API_KEY")
        assert await provider.models() is None
        await provider.close()
