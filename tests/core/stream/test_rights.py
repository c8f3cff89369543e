"""Narrow grants on invocations and answers: what each of them allows, and nothing beside it."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from uuid import uuid4

import jwt
import pytest

from blackroad.client import Agent, Answer, Call, Client, Forbidden, NotFound, RealtimeError, Text
from blackroad.core.identity.development import SECRET
from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings

pytestmark = pytest.mark.usefixtures("one_loop")
SECONDS = 20
Grant = tuple[str, str]  # a pattern, and its actions with blanks between them


def token(subject: str, *grants: Grant, kind: str = "user", tenant: str = "default") -> str:
    claims = {
        "sub": subject,
        "kind": kind,
        "tenant": tenant,
        "jti": str(uuid4()),
        "exp": int(time.time()) + 60,
        "grants": [{"pattern": name, "actions": actions.split()} for name, actions in grants],
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


class House:
    """A core in which ECHO answers, also as a capability and a model, and WAIT never ends."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self.url = url
        self._stack = stack

    async def client(self, subject: str, *grants: Grant, tenant: str = "default") -> Client:
        """Return a user's client."""
        made = Client(self.url, token(subject, *grants, tenant=tenant), timeout_seconds=5)
        return await self._stack.enter_async_context(made)

    async def waiting(self, client: Client) -> Answer:
        """Return an answer that has begun and does not end by itself."""
        answer = client.invoke("WAIT", "hi")
        async for part in answer:
            if isinstance(part, Text):
                return answer
        raise AssertionError("it has ended")


@asynccontextmanager
async def house() -> AsyncGenerator[House]:
    echo, wait = Agent("ECHO", ["talk"], 8, models=["builtin/echo"]), Agent("WAIT", (), 8)

    @echo.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield call.text

    @wait.answer
    async def never_end(call: Call) -> AsyncIterator[str]:
        yield call.text
        await asyncio.Event().wait()

    server = CoreServer(CoreSettings(grpc="127.0.0.1:0", drain_seconds=0.2))
    async with asyncio.timeout(SECONDS), server.open() as addresses, AsyncExitStack() as stack:
        url = f"grpc://{addresses['grpc']}"
        worker = await stack.enter_async_context(Client(url))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        serving: list[asyncio.Task[None]] = []
        for agent in (echo, wait):
            ready = asyncio.Event()
            serving.append(tasks.create_task(agent.serve(client=worker, ready=ready.set)))
            await ready.wait()
        yield House(url, stack)
        for task in serving:
            task.cancel()


def asked(client: Client, wanted: str) -> Answer:
    """Ask for the same answer by another name."""
    match wanted:
        case "agent":
            return client.invoke("ECHO", "hi")
        case "capability":
            return client.invoke(capability="talk", prompt="hi")
        case _:
            return client.invoke(model="builtin/echo", prompt="hi")


@pytest.mark.parametrize("wanted", ["agent", "capability", "model"])
@pytest.mark.parametrize(
    ("pattern", "covers"),
    [
        ("agent.ECHO", {"agent"}),
        ("agent.*", {"agent"}),
        ("agent.OTHER", set[str]()),
        ("capability.talk", {"capability"}),
        ("model.builtin.echo", {"model"}),
        ("model.builtin.*", {"model"}),
        ("model.other.>", set[str]()),
        (">", {"agent", "capability", "model"}),
    ],
)
async def test_invoke_is_allowed_by_the_name_that_was_asked_for(
    pattern: str, covers: set[str], wanted: str
) -> None:
    async with house() as run:
        ann = await run.client("ann", (pattern, "invoke"))
        answer = asked(ann, wanted)
        if wanted in covers:
            assert await answer.text() == "hi"
        else:
            with pytest.raises(Forbidden):
                await answer.text()


@pytest.mark.parametrize("action", ["subscribe", "publish", "presence", "serve", "manage"])
async def test_no_other_action_allows_to_invoke(action: str) -> None:
    async with house() as run:
        ann = await run.client("ann", (">", action))
        with pytest.raises(Forbidden):
            await ann.invoke("ECHO", "hi").text()


@pytest.mark.parametrize(
    ("grants", "allowed"),
    [
        ([("agent.A", "serve"), ("capability.c", "serve"), ("model.m.x", "serve")], True),
        ([("agent.A", "serve"), ("capability.c", "serve")], False),
        ([("agent.A", "serve"), ("model.m.x", "serve")], False),
        ([("capability.c", "serve"), ("model.m.x", "serve")], False),
        ([("agent.A", "invoke publish manage"), (">", "subscribe")], False),
    ],
)
async def test_serving_needs_a_grant_for_each_name(grants: list[Grant], allowed: bool) -> None:
    agent, ready = Agent("A", ["c"], models=["m/x"]), asyncio.Event()

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield call.text

    async with house() as run:
        client = await run.client("worker", *grants)
        serving = asyncio.create_task(agent.serve(client=client, ready=ready.set))
        told = asyncio.create_task(ready.wait())
        await asyncio.wait({serving, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if allowed:
            assert ready.is_set()
            agent.drain()
            await serving
        else:
            with pytest.raises(Forbidden):
                await serving


async def test_the_invoker_alone_sees_its_answer() -> None:
    async with house() as run:
        ann = await run.client("ann", (">", "invoke"))
        bob = await run.client("bob", (">", "invoke subscribe publish presence serve manage"))
        answer = await run.waiting(ann)
        for looking in (bob.join(answer.stream_id).text(), bob.streams.get(answer.stream_id)):
            with pytest.raises(Forbidden):
                await looking
        assert [each async for each in bob.streams.list()] == []
        joined = ann.join(answer.stream_id)
        assert (await anext(joined)) is not None
        await answer.cancel()


@pytest.mark.parametrize("pattern", ["stream.>", "stream.*"])
async def test_a_grant_that_spells_stream_sees_it_and_no_more(pattern: str) -> None:
    async with house() as run:
        ann = await run.client("ann", (">", "invoke"))
        bob = await run.client("bob", (pattern, "subscribe"))
        answer = await run.waiting(ann)
        assert (await bob.streams.get(answer.stream_id)).snapshot.text == "hi"
        await anext(bob.join(answer.stream_id))
        with pytest.raises(Forbidden):
            await bob.streams.cancel(answer.stream_id)
        assert (await ann.streams.get(answer.stream_id)).snapshot.state == "running"
        await answer.cancel()


async def test_a_grant_of_manage_on_it_cancels_it() -> None:
    async with house() as run:
        ann = await run.client("ann", (">", "invoke"))
        answer = await run.waiting(ann)
        carl = await run.client("carl", (f"stream.{answer.stream_id}", "manage"))
        await carl.streams.cancel(answer.stream_id)
        parts = [part async for part in answer]
        assert type(parts[-1]).__name__ == "Cancelled"
        other = await run.waiting(ann)
        with pytest.raises(Forbidden):
            await carl.streams.cancel(other.stream_id)
        await other.cancel()


async def test_nothing_crosses_tenants() -> None:
    async with house() as run:
        ann = await run.client("ann", (">", "invoke"))
        eve = await run.client(
            "ann", (">", "invoke"), ("stream.>", "subscribe manage"), tenant="other"
        )
        answer = await run.waiting(ann)
        with pytest.raises(NotFound):
            await eve.streams.get(answer.stream_id)
        with pytest.raises(NotFound):
            await eve.streams.cancel(answer.stream_id)
        with pytest.raises(RealtimeError, match="no_agent"):
            await eve.invoke("ECHO", "hi").text()
        await answer.cancel()
