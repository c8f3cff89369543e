"""An answer's ending comes to each session by its own way: one that has it ends nobody else's."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest

from blackroad.realtime.v1 import channel_pb2, event_pb2, gateway_pb2
from tests.edge.rig import Browser, EdgeRig, running_edge, until
from tests.edge.trunk.peer import Request, ScriptedCore, scripted

pytestmark = pytest.mark.usefixtures("one_loop")
CHANNEL = "stream.st_1"
FINISHED = event_pb2.AnswerUpdate(finished=event_pb2.AnswerFinished())


class Scene(NamedTuple):
    """Who has asked, at number 1, and who views, at number 2; neither has joined yet."""

    core: ScriptedCore
    rig: EdgeRig
    asker: Browser
    asked: Request
    viewer: Browser
    viewed: Request

    @property
    def asker_waits(self) -> bool:
        return self.rig.edge.context.trunk.sessions[self.asked.session].viewing


@asynccontextmanager
async def viewed() -> AsyncGenerator[Scene]:
    """Give an answer that one browser has asked for and another one views."""
    async with (
        scripted() as (core, address),
        running_edge(address) as rig,
        rig.browser("asker") as asker,
        rig.browser("viewer") as viewer,
    ):
        await asker.say("agent.invoke", agent="ECHO", input="one two", id="ask")
        asked = await core.hear("start")
        opened = gateway_pb2.AnswerOpened(stream_id="st_1")
        core.say(
            "control", session=asked.session, request_id=asked.request_id, answer_opened=opened
        )
        await viewer.say("subscribe", room=CHANNEL, cursor="c0")
        view = await core.hear("subscribe")
        core.stand(view, "c0")
        await viewer.find("subscribed")
        scene = Scene(core, rig, asker, asked, viewer, view)
        await until(lambda: scene.asker_waits)
        yield scene


def said(offset: int, text: str = "") -> event_pb2.Event:
    """Return a piece of the text, or without one the ending."""
    update = event_pb2.AnswerUpdate(text_delta=text) if text else FINISHED
    return event_pb2.Event(
        channel=CHANNEL, type="agent.response", offset=offset, cursor=f"c{offset}", answer=update
    )


def miss(core: ScriptedCore, request: Request, *events: event_pb2.Event) -> None:
    delivery = event_pb2.Delivery(events=events, subscription=CHANNEL)
    core.say("catch_up", session=request.session, delivery=delivery)


def caught_up(core: ScriptedCore, request: Request) -> None:
    caught_up = channel_pb2.CaughtUp(channel=CHANNEL)
    core.say(
        "catch_up", session=request.session, request_id=request.request_id, caught_up=caught_up
    )


def join(core: ScriptedCore, request: Request, number: int) -> None:
    join = gateway_pb2.Join(number=number, channel=CHANNEL)
    core.say("live", session=request.session, request_id=request.request_id, join=join)


def live(core: ScriptedCore, number: int, *events: event_pb2.Event) -> None:
    items = [gateway_pb2.TrunkEvent(event=event, numbers=[number]) for event in events]
    core.say("live", live=gateway_pb2.TrunkDelivery(events=items))


async def text_of(browser: Browser) -> str:
    """Return what comes of the answer until it has finished."""
    text = ""
    while (frame := await browser.find("agent.response"))["status"] != "finished":
        text += str(frame.get("delta", ""))
    return text


async def test_who_catches_up_with_the_ending_ends_it_for_nobody_who_is_live() -> None:
    async with viewed() as scene:
        core = scene.core
        join(core, scene.asked, 1)
        caught_up(core, scene.asked)
        live(core, 1, said(1, "one "))
        await scene.asker.find("agent.response", delta="one ")
        miss(core, scene.viewed, said(1, "one "), said(2, "two"), said(3))
        assert await text_of(scene.viewer) == "one two"
        assert scene.asker_waits
        live(core, 1, said(2, "two"), said(3))
        assert await text_of(scene.asker) == "two"
        assert not scene.asker_waits


async def test_a_live_ending_ends_it_for_nobody_who_is_yet_to_catch_up() -> None:
    async with viewed() as scene:
        core = scene.core
        join(core, scene.viewed, 2)
        caught_up(core, scene.viewed)
        live(core, 2, said(1, "one "), said(2, "two"), said(3))
        assert await text_of(scene.viewer) == "one two"
        assert scene.asker_waits
        miss(core, scene.asked, said(1, "one "), said(2, "two"), said(3))
        assert await text_of(scene.asker) == "one two"
        assert not scene.asker_waits


async def test_a_live_ending_waits_with_its_text_for_what_was_missed() -> None:
    async with viewed() as scene:
        core = scene.core
        join(core, scene.asked, 1)
        live(core, 1, said(2, "two"), said(3))
        await until(lambda: scene.rig.edge.context.trunk.cursor == "c3")
        assert scene.asker_waits
        miss(core, scene.asked, said(1, "one "))
        caught_up(core, scene.asked)
        assert await text_of(scene.asker) == "one two"
        assert not scene.asker_waits


async def test_an_ending_that_waits_for_another_room_is_out_when_that_is_left() -> None:
    async with viewed() as scene:
        core = scene.core
        join(core, scene.asked, 1)
        caught_up(core, scene.asked)
        await scene.asker.say("subscribe", room="room", cursor="c0")
        room = await core.hear("subscribe")
        core.join(room, 5)
        core.stand(room, "c0")
        await scene.asker.find("subscribed")
        live(core, 1, said(1, "one"), said(2))
        await until(lambda: scene.rig.edge.context.trunk.cursor == "c2")
        assert scene.asker_waits
        gone = channel_pb2.Unsubscribed(channel="room")
        core.say("control", session=room.session, unsubscribed=gone)
        assert await text_of(scene.asker) == "one"
        await until(lambda: not scene.asker_waits)


async def test_an_ending_ahead_of_subscribed_ends_it_too() -> None:
    async with (
        scripted() as (core, address),
        running_edge(address) as rig,
        rig.browser("viewer") as viewer,
    ):
        await viewer.say("subscribe", room=CHANNEL, cursor="c0")
        view = await core.hear("subscribe")
        session = rig.edge.context.trunk.sessions[view.session]
        join(core, view, 2)
        live(core, 2, said(2, "two"), said(3))
        await until(lambda: rig.edge.context.trunk.cursor == "c3")
        core.stand(view, "c0")
        miss(core, view, said(1, "one "))
        caught_up(core, view)
        assert await text_of(viewer) == "one two"
        assert not session.viewing
