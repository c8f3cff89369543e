"""A browser that follows a room of an edge whose core is played by the test."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from blackroad.realtime.v1 import channel_pb2
from tests.edge.rig import Browser, EdgeRig, running_edge
from tests.edge.trunk.peer import Request, ScriptedCore, scripted


@asynccontextmanager
async def following() -> AsyncGenerator[tuple[ScriptedCore, EdgeRig, Browser, Request]]:
    """Give a browser whose subscription to `room` stands at c0."""
    async with (
        scripted() as (core, address),
        running_edge(address) as rig,
        rig.browser("alice") as browser,
    ):
        await browser.say("subscribe", room="room")
        asked = await core.hear("subscribe")
        core.stand(asked, "c0")
        await browser.find("subscribed")
        yield core, rig, browser, asked


def answer(core: ScriptedCore, asked: Request) -> None:
    """Say that a subscription has ended, as was asked."""
    unsubscribed = channel_pb2.Unsubscribed(channel=asked.unsubscribe.channel)
    core.say(
        "control", session=asked.session, request_id=asked.request_id, unsubscribed=unsubscribed
    )


async def contents(browser: Browser, count: int) -> list[object]:
    return [(await browser.find("message"))["content"] for _ in range(count)]
