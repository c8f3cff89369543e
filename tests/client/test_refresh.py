"""Fresh tokens inside open streams, on a real core with keys."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from blackroad.client import Agent, Call, Client, Event, Text, Unauthenticated
from tests.core.access.world import Core, running, token

SECONDS = 40


class Issuer:
    """Issues one token after the other, as they are written down; the last one again and again."""

    def __init__(self, *made: Callable[[], str]) -> None:
        self._made = made
        self.issued = 0

    async def __call__(self) -> str:
        self.issued += 1
        return self._made[min(self.issued, len(self._made)) - 1]()


def short() -> str:
    """Return a token that is to be replaced after a second and a half."""
    return token("ann", seconds=2)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds in the core, which tells nobody."""
    while not holds():  # noqa: ASYNC110
        await asyncio.sleep(0.01)


def ends_of(core: Core) -> dict[str, float]:
    """Return when each session of ann ends, by its id and what it is."""
    return {
        f"{each.method} {each.session_id}": each.identity.expires_at or 0.0
        for each in core.node.sessions.all()
        if each.identity.subject == "ann"
    }


@asynccontextmanager
async def asking(client: Client) -> AsyncGenerator[None]:
    """Serve as an agent and hold an answer of it open while the context lasts."""
    agent, ready = Agent("A"), asyncio.Event()

    @agent.answer
    async def answer(_: Call) -> AsyncIterator[str]:
        yield "begun"
        await asyncio.Event().wait()

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(agent.serve(client=client, ready=ready.set))
        await ready.wait()
        held = client.invoke("A", "hi")
        async for part in held:
            if isinstance(part, Text):
                break
        yield
        await held.cancel()
        agent.drain()


@asynccontextmanager
async def watching(client: Client) -> AsyncGenerator[None]:
    """Follow who is here while the context lasts."""
    seen = asyncio.Event()

    async def watch() -> None:
        async for _ in client.presence():
            seen.set()

    task = asyncio.create_task(watch())
    await seen.wait()
    yield
    task.cancel()
    await asyncio.wait([task])


async def test_every_kind_of_open_stream_is_shown_the_fresh_token() -> None:
    issuer = Issuer(short)
    async with asyncio.timeout(SECONDS), AsyncExitStack() as stack:
        core = await stack.enter_async_context(running())
        client = await stack.enter_async_context(Client(core.address, issuer))
        await client.publish("room", "x")
        await stack.enter_async_context(client.subscribe("room"))
        await stack.enter_async_context(client.announce())
        await stack.enter_async_context(watching(client))
        await stack.enter_async_context(asking(client))
        first = ends_of(core)
        kinds = sorted(name.split()[0] for name in first)
        assert kinds == ["Connect", "Connect", "Open", "Serve", "Track", "Track"]
        await until(lambda: all(end > first[name] + 2 for name, end in ends_of(core).items()))
        assert ends_of(core).keys() == first.keys(), "no stream was opened anew"
        assert issuer.issued >= 3


async def test_a_token_of_somebody_else_is_refused_and_the_subscription_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    issuer = Issuer(short, lambda: token("bob"))
    async with (
        asyncio.timeout(SECONDS),
        running() as core,
        Client(core.address, issuer) as client,
        Client(core.address, token("root")) as other,
        client.subscribe("room") as events,
    ):
        reading = asyncio.create_task(anext(events))
        await until(lambda: "room: a fresh token was refused" in caplog.text)
        await other.publish("room", "x")
        event = await reading
        assert isinstance(event, Event)
        assert event.content == "x"


async def test_what_was_left_is_not_kept_alive_for_its_token() -> None:
    issuer = Issuer(short)
    async with asyncio.timeout(SECONDS), running() as core, Client(core.address, issuer) as client:
        async with client.subscribe("room"):
            assert len(ends_of(core)) == 1
        await until(lambda: not ends_of(core))


async def test_a_closed_client_asks_for_no_token_any_more() -> None:
    before = asyncio.all_tasks()
    issuer = Issuer(short)
    async with asyncio.timeout(SECONDS), running() as core:
        async with Client(core.address, issuer) as client, client.subscribe("room"):
            names = {task.get_name() for task in asyncio.all_tasks() - before}
            assert "blackroad token" in names
        names = {task.get_name() for task in asyncio.all_tasks() - before}
        assert "blackroad token" not in names


async def test_a_provider_that_fails_is_asked_again_while_the_stream_stands() -> None:
    def failing() -> str:
        raise ConnectionError("the issuer is away")

    issuer = Issuer(short, failing, failing, lambda: token("ann", seconds=600))
    async with (
        asyncio.timeout(SECONDS),
        running() as core,
        Client(core.address, issuer) as client,
        client.subscribe("room"),
    ):
        first = ends_of(core)
        await until(lambda: any(end > first[name] + 500 for name, end in ends_of(core).items()))
        assert ends_of(core).keys() == first.keys()


def expired() -> str:
    return token("ann", seconds=-60)


async def test_a_call_is_made_again_when_only_the_core_knew_that_the_token_had_expired() -> None:
    issuer = Issuer(expired, lambda: token("ann"))
    async with running() as core, Client(core.address, issuer) as client:
        await client.history("room")
    assert issuer.issued == 2


async def test_a_provider_of_expired_tokens_only_is_given_up() -> None:
    issuer = Issuer(expired)
    async with asyncio.timeout(SECONDS), running() as core, Client(core.address, issuer) as client:
        with pytest.raises(Unauthenticated, match="expired"):
            await client.publish("room", "x")
        with pytest.raises(Unauthenticated, match="expired"):
            await anext(aiter(client.subscribe("room")))
        with pytest.raises(Unauthenticated, match="expired"):
            await client.history("room")
    assert issuer.issued < 20


@pytest.mark.parametrize("shown", ["tök", "two\nlines", "nul\0"])
async def test_what_cannot_be_a_token_is_refused_before_it_is_sent(shown: str) -> None:
    with pytest.raises(Unauthenticated):
        Client("grpc://127.0.0.1:1", shown)
    issuer = Issuer(lambda: shown)
    async with asyncio.timeout(SECONDS), running() as core, Client(core.address, issuer) as client:
        with pytest.raises(Unauthenticated):
            await client.publish("room", "x")
        with pytest.raises(Unauthenticated):
            await anext(aiter(client.subscribe("room")))
        with pytest.raises(Unauthenticated):
            await anext(aiter(client.presence()))
        with pytest.raises(Unauthenticated):
            await client.history("room")


async def test_a_refusal_is_told_as_one_by_every_kind_of_stream() -> None:
    agent = Agent("A")

    @agent.answer
    async def answer(_: Call) -> AsyncIterator[str]:
        yield ""

    async with (
        asyncio.timeout(SECONDS),
        running() as core,
        Client(core.address, "none.of.ours", timeout_seconds=20) as client,
    ):

        async def announce() -> None:
            async with client.announce():
                pass

        kinds: dict[str, Callable[[], Awaitable[object]]] = {
            "publish": lambda: client.publish("room", "x"),
            "subscribe": lambda: anext(aiter(client.subscribe("room"))),
            "watch": lambda: anext(aiter(client.presence())),
            "announce": announce,
            "invoke": lambda: client.invoke("A", "x").text(),
            "serve": lambda: agent.serve(client=client),
            "unary": lambda: client.history("room"),
        }
        for call in kinds.values():
            with pytest.raises(Unauthenticated, match="the token is not valid"):
                await call()


async def test_a_token_from_a_file_may_end_with_its_newline() -> None:
    issuer = Issuer(lambda: f"{token('ann')}\n")
    async with running() as core, Client(core.address, issuer) as client:
        await client.publish("room", "x")
