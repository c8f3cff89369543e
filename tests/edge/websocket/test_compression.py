"""Compressed sockets beside others: the same frames, in the same order."""

from collections.abc import AsyncGenerator

import pytest
from websockets.asyncio.client import connect

from blackroad.edge.server import Edge
from blackroad.edge.settings import Address, EdgeLimits, EdgeSettings
from tests.edge.rig import Browser, EdgeRig, running

LONG = "the same again and again, " * 40


@pytest.fixture
async def compressing(core: str) -> AsyncGenerator[EdgeRig]:
    """Run an edge that compresses for those who offer it."""
    settings = EdgeSettings(
        http=Address(port=0),
        core=(core,),
        compression=True,
        limits=EdgeLimits(drain_seconds=0.1),
    )
    async with running(Edge(settings)) as rig:
        yield rig


async def test_events_are_the_same_with_and_without(compressing: EdgeRig) -> None:
    url = f"ws://{compressing.address}/ws/"
    async with (
        compressing.browser("deflated") as deflated,
        connect(f"{url}plain", compression=None) as socket,
    ):
        plain = Browser(socket)
        assert deflated.socket.protocol.extensions
        assert not socket.protocol.extensions
        await deflated.follow("compressed")
        await plain.follow("compressed")
        for number in range(5):
            await plain.publish("compressed", f"{number} {LONG}")
        heard = [await each.find("message", content=f"4 {LONG}") for each in (deflated, plain)]
        assert heard[0] == heard[1]
        contents = [frame["content"] for frame in deflated.passed if frame["type"] == "message"]
        assert contents == [f"{number} {LONG}" for number in range(5)]


async def test_what_was_missed_comes_compressed_too(compressing: EdgeRig) -> None:
    async with compressing.browser("ann") as ann:
        for number in range(3):
            await ann.publish("missed", f"{number} {LONG}")
        await ann.follow("missed", history=3)
        contents = [frame["content"] for frame in ann.passed if frame["type"] == "message"]
        assert contents == [f"{number} {LONG}" for number in range(3)]
        size = sum(len(str(frame)) for frame in ann.passed)
        assert size > 3 * len(LONG)


async def test_without_the_setting_an_offer_is_not_taken(edge: EdgeRig) -> None:
    async with edge.browser("ann") as ann:
        assert not ann.socket.protocol.extensions
