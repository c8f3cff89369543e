"""Browsers that have gone are freed at once, at the edge and at the core.

What is left in cycles waits for a full collection, and those are rare (cli/parts/garbage.py).
"""

import asyncio
import gc
from collections.abc import AsyncGenerator

import pytest

from blackroad.core.channel.subscriber import Subscriber
from blackroad.core.gateway.session import BrowserSession
from blackroad.edge.fanout import Receiver
from blackroad.edge.sse.listener import Listener
from blackroad.edge.transport import Socket, SseStream
from blackroad.edge.trunk import Session
from blackroad.edge.websocket.peer import Peer
from tests.edge.rig import SECONDS, EdgeRig, next_event

OF_A_BROWSER = (BrowserSession, Subscriber, Session, Receiver, Peer, Socket, Listener, SseStream)


@pytest.fixture
async def uncollected(edge: EdgeRig) -> AsyncGenerator[EdgeRig]:
    """Give an edge whose garbage is not collected."""
    gc.collect()
    gc.disable()
    try:
        yield edge
    finally:
        gc.enable()


def left() -> list[str]:
    """Name what there is of browsers, collected or not."""
    return [type(one).__name__ for one in gc.get_objects() if type(one) in OF_A_BROWSER]


async def all_gone() -> None:
    """Return when nothing of a browser is left."""
    try:
        async with asyncio.timeout(SECONDS):
            while left():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"left: {left()}")


async def test_a_websocket_that_has_closed_leaves_nothing(uncollected: EdgeRig) -> None:
    for number in range(3):
        async with uncollected.browser(f"b{number}") as browser:
            await browser.follow("lobby")
            await browser.publish("lobby", number)
    await all_gone()


async def test_a_websocket_that_was_cut_leaves_nothing(uncollected: EdgeRig) -> None:
    for number in range(3):
        async with uncollected.browser(f"b{number}") as browser:
            await browser.follow("lobby")
            browser.socket.transport.abort()
    await all_gone()


async def test_a_stream_of_events_that_has_ended_leaves_nothing(uncollected: EdgeRig) -> None:
    for number in range(3):
        async with uncollected.events(f"/events/b{number}?channels=lobby") as events:
            await next_event(events, "connected")
    await all_gone()
