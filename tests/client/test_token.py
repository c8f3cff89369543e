"""A client whose token is asked for, on a real core with keys."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from blackroad.client import Agent, Call, Client, Event, Unauthenticated, Unavailable
from blackroad.client.token import Tokens
from blackroad.core.identity import expiry
from tests.core.access.world import running, token


class Issuer:
    """Issues tokens of ann that live so long, and counts them."""

    def __init__(self, seconds: float, kind: str = "user") -> None:
        self._seconds = seconds
        self._kind = kind
        self.issued = 0

    async def __call__(self) -> str:
        self.issued += 1
        return token("ann", seconds=self._seconds, kind=self._kind)


async def test_a_token_is_asked_for_once_by_all_who_need_it_at_the_same_time() -> None:
    issuer = Issuer(3600)
    tokens = Tokens(issuer)
    assert dict(tokens.metadata) == {}
    await asyncio.gather(*(tokens.renew() for _ in range(20)))
    assert issuer.issued == 1
    assert dict(tokens.metadata)["authorization"].startswith("Bearer ")
    tokens.expire()
    await tokens.renew()
    assert issuer.issued == 2


async def test_a_token_is_asked_for_again_before_it_expires() -> None:
    issuer = Issuer(1)
    tokens = Tokens(issuer)
    await tokens.renew()
    await asyncio.sleep(0.8)  # three quarters of a second are over, the second is not
    await tokens.renew()
    assert issuer.issued == 2


@pytest.mark.parametrize("shown", ["opaque", "a.b.c", "a.e30.c", "a.W10.c", ""])
async def test_a_token_that_does_not_say_when_it_expires_is_kept(shown: str) -> None:
    asked: list[str] = []

    async def provider() -> str:
        asked.append(shown)
        return shown

    tokens = Tokens(provider)
    await tokens.renew()
    await tokens.renew()
    assert len(asked) == 1


async def test_calls_go_on_when_tokens_live_a_second() -> None:
    issuer = Issuer(1)
    async with running() as core, Client(core.address, issuer) as client:
        for number in range(8):
            await client.history(f"r.{number}")
            await asyncio.sleep(0.3)
        assert issuer.issued >= 3


async def test_a_subscription_outlives_its_tokens_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(expiry, "MARGIN_SECONDS", 0.1)
    issuer = Issuer(1)
    async with (
        asyncio.timeout(20),
        running() as core,
        Client(core.address, issuer) as client,
        Client(core.address, token("root")) as other,
        client.subscribe("r") as events,
    ):
        heard: list[object] = []
        for number in range(10):
            await other.publish("r", str(number))
            await asyncio.sleep(0.3)
        async for event in events:
            assert isinstance(event, Event), "nothing is lost: there is no gap"
            heard.append(event.content)
            if len(heard) == 10:
                break
        assert heard == [str(number) for number in range(10)]


async def test_an_agent_outlives_its_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "MARGIN_SECONDS", 0.1)
    agent = Agent("A", token=(issuer := Issuer(1, "agent")), url=None)

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield call.text

    ready = asyncio.Event()
    async with (
        asyncio.timeout(30),
        running() as core,
        Client(core.address, issuer) as served,
        Client(core.address, token("root")) as caller,
        asyncio.TaskGroup() as tasks,
    ):
        serving = tasks.create_task(agent.serve(client=served, ready=ready.set))
        await ready.wait()
        for _ in range(3):
            await asyncio.sleep(1.2)
            text = await _answered(caller)
            assert text == "hi"
        serving.cancel()


async def _answered(caller: Client) -> str:
    """Ask until somebody is there: an agent that comes back is away for a moment."""
    while True:
        try:
            return await caller.invoke("A", "hi").text()
        except Unavailable:
            await asyncio.sleep(0.1)


async def test_a_provider_that_fails_is_a_failure_that_passes() -> None:
    async def provider() -> str:
        raise ConnectionError("the issuer is away")

    async with running() as core, Client(core.address, provider) as client:
        with pytest.raises(Unavailable, match="the issuer is away"):
            await client.history("r")


async def test_a_revoked_token_is_not_asked_for_again_and_again() -> None:
    async def provider() -> str:
        return "none of this core's"

    async with running() as core, Client(core.address, provider) as client:
        with pytest.raises(Unauthenticated):
            await anext(aiter(client.subscribe("r")))
