"""Both providers' SDKs, behind agents on a real core, against aimock as Ollama and Anthropic."""

import asyncio
import json
from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Final

import pytest

from blackroad.agents.settings import AgentsSettings, ModelsSettings
from blackroad.client import (
    AnswerFailed,
    Cancelled,
    Client,
    Finished,
    Message,
    Options,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from tests.agents.hosting import hosted
from tests.agents.relay import Relay
from tests.processes import Process, environ

pytestmark = pytest.mark.node

HERE: Final = Path(__file__).parent
CLI: Final = HERE.parent / "node/node_modules/@copilotkit/aimock/dist/cli.js"
LONG: Final = " ".join(["0123456789"] * 32)
PROVIDERS: Final = ("ollama/m", "anthropic/m")
TOOLS: Final = json.dumps([{"name": "weather", "parameters": {"type": "object"}}])


@pytest.fixture(scope="module")
def aimock() -> Generator[str]:
    """Give the address of aimock with the fixtures of this folder."""
    if not CLI.exists():
        pytest.skip("make tests/node/node_modules/.installed")
    arguments = ["node", str(CLI), "-p", "0", "-f", str(HERE / "fixtures.json")]
    process = Process(arguments, environ())
    try:
        yield process.wait_for(r"listening on http://(\S+)")
    finally:
        process.kill()


@pytest.fixture
async def relay(aimock: str, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Relay]:
    """Give a relay to aimock, which the SDKs are told to use."""
    host, _, port = aimock.partition(":")
    async with Relay(host, int(port)) as made:
        monkeypatch.setenv("OLLAMA_HOST", made.address)
        monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://{made.address}")
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-very-secret")
        yield made


@pytest.fixture
async def client(relay: Relay, core: str) -> AsyncGenerator[Client]:
    """Give a client of a core with a host that has both providers."""
    del relay  # its address is in the environment
    models = ModelsSettings(default="builtin/echo", thinking_tokens=2000)
    async with hosted(AgentsSettings(core=core, models=models)) as made:
        yield made


@pytest.mark.parametrize("model", PROVIDERS)
async def test_text_streams_and_ends(client: Client, model: str) -> None:
    async with asyncio.timeout(20):
        parts = [part async for part in client.invoke(model=model, prompt="say it")]
    texts = [part.text for part in parts if isinstance(part, Text)]
    assert "".join(texts) == "One two three four five six."
    assert len(texts) == 7
    finished = parts[-1]
    assert isinstance(finished, Finished)
    assert finished.reason == "stop"
    assert finished.usage is not None
    assert finished.usage.output_tokens in (6, 7), "aimock's Ollama counts none: pieces are counted"


@pytest.mark.parametrize("model", PROVIDERS)
async def test_tools_are_called_and_their_results_taken(client: Client, model: str) -> None:
    """Aimock refuses a second turn whose thinking does not come back signed, as Anthropic does."""
    question = Message.of("user", "what is the weather?")
    options = Options(tools_json=TOOLS)
    async with asyncio.timeout(20):
        first = [
            part async for part in client.invoke(model=model, prompt=[question], options=options)
        ]
        call = next(part for part in first if isinstance(part, ToolCall))
        turns = [
            question,
            Message("assistant", (call,)),
            Message("tool", (ToolResult(call.tool_call_id, "rain"),)),
        ]
        text = await client.invoke(model=model, prompt=turns, options=options).text()
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Ulm"})
    assert isinstance(first[-1], Finished)
    assert first[-1].reason == "tool_calls"
    assert text == "It rains."
    thinking = "".join(part.text for part in first if isinstance(part, Thinking))
    # aimock's Ollama puts it into a field that Ollama does not have.
    assert thinking == ("I need the weather." if model == "anthropic/m" else "")


@pytest.mark.parametrize("model", PROVIDERS)
@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("break off", "model_unavailable"),
        ("be lost", "model_unavailable"),
        ("limit", "model_overloaded"),
        ("overload", "model_overloaded"),
        ("bad key", "model_unavailable"),
        ("nothing there", "model_not_found"),
        ("fail", {"ollama/m": "model_error", "anthropic/m": "model_unavailable"}),
        ("garble", "model_error"),
    ],
)
async def test_each_fault_is_a_public_code(
    client: Client, model: str, prompt: str, code: str | dict[str, str]
) -> None:
    expected = code if isinstance(code, str) else code[model]
    heard: list[str] = []

    async def hear() -> None:
        async for part in client.invoke(model=model, prompt=prompt):
            if isinstance(part, Text):
                heard.append(part.text)  # noqa: PERF401 - what came before a failure counts

    with pytest.raises(AnswerFailed) as raised:
        await asyncio.wait_for(hear(), 20)
    failed = raised.value
    assert failed.code == expected
    assert "secret" not in failed.message
    if prompt == "break off":
        assert heard[:2] == ["One ", "two "]
        assert failed.usage is not None
        assert failed.usage.output_tokens > 0
    if prompt == "limit":
        # Ollama's SDK does not hand out headers.
        assert failed.retry_after_seconds == (7 if model == "anthropic/m" else None)


@pytest.mark.parametrize("model", PROVIDERS)
async def test_a_cancel_closes_the_providers_connection(
    client: Client, relay: Relay, model: str
) -> None:
    """The relay notes when; it is what the mock would have to note, and does not."""
    times: list[float] = []
    for _ in range(5):
        closed = len(relay.hung_up)
        answer = client.invoke(model=model, prompt="go on for long")
        async with asyncio.timeout(20):
            said = 0
            while said < 5:
                said += isinstance(await anext(answer), Text)
            assert len(relay.hung_up) == closed
            begin = asyncio.get_running_loop().time()
            await answer.cancel()
            times.append(await relay.wait_for_hang_up(closed) - begin)
            ending = [part async for part in answer][-1]
        assert isinstance(ending, Cancelled)
        assert ending.usage is not None
        assert ending.usage.output_tokens >= 5
    figures = ", ".join(f"{1000 * each:.1f}" for each in sorted(times))
    print(f"{model}: cancel to close in {figures} ms")
    assert max(times) < 0.2


@pytest.mark.parametrize("model", PROVIDERS)
async def test_a_viewer_who_goes_closes_nothing(
    client: Client, relay: Relay, core: str, model: str
) -> None:
    closed = len(relay.hung_up)
    async with asyncio.timeout(30):
        async with Client(core) as asking:
            answer = asking.invoke(model=model, prompt="go on for long")
            stream_id = await answer.started()
            viewed = client.join(stream_id)
            await anext(viewed)
        # The one who asked is gone, with its connection.
        text = await viewed.text()
    assert text == LONG
    assert len(relay.hung_up) == closed


async def test_a_deadline_closes_the_providers_connection(client: Client, relay: Relay) -> None:
    closed = len(relay.hung_up)
    loop = asyncio.get_running_loop()
    begin = loop.time()
    with pytest.raises(AnswerFailed) as raised:
        async with asyncio.timeout(20):
            await client.invoke(
                model="ollama/m", prompt="go on for long", deadline_seconds=0.5
            ).text()
    assert raised.value.code == "deadline_exceeded"
    late_seconds = await relay.wait_for_hang_up(closed) - begin - 0.5
    print(f"\nclosed {late_seconds * 1000:.0f} ms after the deadline (promised: 200)")
    assert late_seconds < 10 * 0.2
