"""Both adapters against the Ollama of this machine, which speaks Anthropic's words too."""

import asyncio
import functools
import os
import time
from collections.abc import AsyncGenerator

import httpx
import pytest

from blackroad.agents.settings import AgentsSettings, ModelsSettings
from blackroad.client import (
    AnswerFailed,
    Cancelled,
    Client,
    Finished,
    Message,
    Options,
    Part,
    Text,
)
from tests.agents.hosting import hosted

pytestmark = [pytest.mark.real_model, pytest.mark.timeout(300)]

FIXED = Options(max_tokens=24, temperature=0, seed=7)


@functools.cache
def local() -> tuple[str, str]:
    """Return where Ollama is, and BLACKROAD_MODELS__DEFAULT, else the first model that it lists."""
    named = os.environ.get("BLACKROAD_MODELS__DEFAULT", "").removeprefix("ollama/")
    host = os.environ.get("OLLAMA_HOST") or "127.0.0.1:11434"
    url = host if "://" in host else f"http://{host}"
    try:
        models: list[dict[str, str]] = httpx.get(f"{url}/api/tags", timeout=5).json()["models"]
    except httpx.HTTPError:
        pytest.skip(f"no Ollama answers at {url}")
    if not named and not models:
        pytest.skip("Ollama has no model")
    return url, named or models[0]["name"]


def chosen() -> str:
    return local()[1]


@pytest.fixture
async def client(core: str, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Client]:
    """Give a client of a host whose agents, and whose Anthropic, are the local Ollama."""
    host, model = local()
    monkeypatch.setenv("ANTHROPIC_BASE_URL", host)
    monkeypatch.setenv("ANTHROPIC_API_KEY", "ollama")
    models = ModelsSettings(default=model)
    async with hosted(AgentsSettings(core=core, models=models)) as made:
        yield made


@pytest.fixture(params=["ollama", "anthropic"])
def model(request: pytest.FixtureRequest) -> str:
    """Give the name of the local model at each provider."""
    return f"{request.param}/{chosen()}"


async def told(client: Client, model: str, *turns: Message, options: Options = FIXED) -> list[Part]:
    begin, first = time.monotonic(), 0.0
    parts: list[Part] = []
    async with asyncio.timeout(200):
        async for part in client.invoke(model=model, prompt=turns, options=options):
            if isinstance(part, Text) and not first:
                first = time.monotonic() - begin
            parts.append(part)
    seconds = time.monotonic() - begin
    text = "".join(part.text for part in parts if isinstance(part, Text))
    print(f"{model}: first token {first:.2f} s, all {seconds:.2f} s: {text!r} {parts[-1]}")
    return parts


async def test_it_answers_ends_by_length_and_counts(client: Client, model: str) -> None:
    finished = (await told(client, model, Message.of("user", "Count from one to fifty.")))[-1]
    assert isinstance(finished, Finished)
    assert finished.reason == "length"
    assert finished.usage is not None
    assert finished.usage.input_tokens > 0
    assert finished.usage.output_tokens == FIXED.max_tokens


async def test_earlier_turns_are_heard(client: Client, model: str) -> None:
    turns = [
        Message.of("system", "You repeat what you are told."),
        Message.of("user", "Say: blue."),
        Message.of("assistant", "Blue."),
        Message.of("user", "Say: green."),
    ]
    with_all = (await told(client, model, *turns))[-1]
    alone = (await told(client, model, turns[-1]))[-1]
    assert isinstance(with_all, Finished)
    assert isinstance(alone, Finished)
    assert with_all.usage is not None
    assert alone.usage is not None
    assert with_all.usage.input_tokens > alone.usage.input_tokens


async def test_the_same_seed_says_the_same(client: Client) -> None:
    name = f"ollama/{chosen()}"
    said = [
        "".join(part.text for part in parts if isinstance(part, Text))
        for parts in [await told(client, name, Message.of("user", "Hello!")) for _ in range(2)]
    ]
    assert said[0] == said[1] != ""


async def test_a_form_is_kept(client: Client) -> None:
    form = '{"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}'
    options = Options(max_tokens=200, temperature=0, response_format_json=form)
    asked = Message.of("user", "Name a person.")
    finished = (await told(client, f"ollama/{chosen()}", asked, options=options))[-1]
    assert isinstance(finished, Finished)
    assert '"name"' in finished.output


async def test_lucidia_speaks_by_it(client: Client) -> None:
    async with asyncio.timeout(200):
        assert await client.invoke("LUCIDIA", "Who are you?", options=FIXED).text()


async def test_a_cancel_ends_it_with_its_cost(client: Client, model: str) -> None:
    options = Options(max_tokens=2000)
    async with asyncio.timeout(200):
        answer = client.invoke(model=model, prompt="Tell a very long story.", options=options)
        while not isinstance(await anext(answer), Text):
            pass
        begin = time.monotonic()
        await answer.cancel()
        ending = [part async for part in answer][-1]
    print(f"{model}: cancelled after {1000 * (time.monotonic() - begin):.1f} ms: {ending}")
    assert isinstance(ending, Cancelled)
    assert ending.usage is not None
    assert ending.usage.output_tokens > 0


async def test_a_model_that_is_not_there_is_not_found(client: Client, model: str) -> None:
    absent = f"{model.partition('/')[0]}/no-such-model:1b"
    with pytest.raises(AnswerFailed) as raised:
        await client.invoke(model=absent, prompt="hi").text()
    assert raised.value.code == "model_not_found"
