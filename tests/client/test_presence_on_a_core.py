"""Who is here, on a real core."""

import asyncio
from collections.abc import AsyncIterator

from blackroad.client import Agent, Call, Client
from tests.client.cable import Cable


async def test_an_agent_that_serves_is_here_and_one_that_is_drained_is_not(client: Client) -> None:
    agent = Agent("A", ["chat"], max_concurrency=3, metadata={"colour": "blue"})
    ready = asyncio.Event()

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[str]:
        yield call.text

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        watch = aiter(client.presence("agent"))
        group.create_task(agent.serve(client=client, ready=ready.set))
        await ready.wait()
        here = await client.presence("agent")
        assert [(each.entity_id, each.status) for each in here] == [("A", "online")]
        assert here[0].metadata == {"colour": "blue"}
        assert here[0].sessions[0].capabilities == ("chat",)
        assert here[0].sessions[0].max_concurrency == 3
        assert [each.status for each in await client.presence("agent", "A")] == ["online"]
        seen = [await anext(watch)]
        agent.drain()
        while seen[-1].status != "offline":
            seen.append(await anext(watch))
        await watch.aclose()  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue] - it is a generator
    assert {each.entity_id for each in seen} == {"A"}
    assert [each.status for each in await client.presence("agent", "A")] == ["offline"]


async def test_who_announces_itself_is_here_as_it_says_and_gone_when_it_leaves(
    client: Client,
) -> None:
    async with asyncio.timeout(20):
        watch = aiter(client.presence("service"))
        async with client.announce("online", {"task": 1}) as here:
            first = await anext(watch)
            assert (first.status, first.metadata) == ("online", {"task": 1})
            await here.update("busy")
            second = await anext(watch)
            assert (second.status, second.metadata) == ("busy", {"task": 1})
        assert (await anext(watch)).status == "offline"


async def test_a_cut_does_not_flap_the_presence(core: str, client: Client, cable: Cable) -> None:
    async with asyncio.timeout(20), Client(cable.url) as other:
        watch = aiter(client.presence("service"))
        async with other.announce("online") as here:
            assert (await anext(watch)).status == "online"
            cable.cut()
            await here.update("away")
            seen = await anext(watch)
            while seen.status == "online":
                seen = await anext(watch)
            assert seen.status == "away"
