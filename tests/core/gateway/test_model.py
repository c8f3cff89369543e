"""Each browser of an edge gets the contiguous runs that it follows: no hole, nothing twice."""

import asyncio
import json
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from blackroad.core.log.base import Page
from blackroad.core.log.entry import Entry, Position
from blackroad.core.topics import matches
from blackroad.realtime.v1 import channel_pb2, event_pb2
from tests.core.gateway.browsers import Browser, Followed
from tests.core.gateway.edge import DEVELOPER, Edge, running
from tests.effort import examples

CHANNELS = ("room.a", "room.b", "room.secret")
FOLLOWED = ("room.a", "room.b", "room.*", "room.>")
SECRET = "room.secret"
KEY = f"default.{SECRET}"
SUBJECTS = ("ada", "bob")

step = st.one_of(
    st.tuples(st.just("publish"), st.sampled_from(CHANNELS), st.integers(1, 30)),
    st.tuples(st.just("follow"), st.integers(1, 3), st.sampled_from(FOLLOWED)),
    st.tuples(st.just("history"), st.integers(1, 3), st.sampled_from(FOLLOWED)),
    st.tuples(st.just("resume"), st.integers(1, 3), st.sampled_from(FOLLOWED)),
    st.tuples(st.just("unfollow"), st.integers(1, 3), st.sampled_from(FOLLOWED)),
    st.tuples(st.just("member"), st.sampled_from(SUBJECTS), st.booleans()),
    st.tuples(st.just("live"), st.just(""), st.booleans()),
    st.tuples(st.just("credit"), st.integers(1, 3), st.booleans()),
    st.tuples(st.just("turn"), st.just(""), st.just("")),
    st.tuples(st.just("reconnect"), st.just(""), st.just("")),
    st.tuples(st.just("return"), st.sampled_from(CHANNELS), st.integers(1, 30)),
    st.tuples(st.just("readmit"), st.sampled_from(SUBJECTS), st.booleans()),
    st.tuples(st.just("reload"), st.integers(1, 3), st.just("")),
    st.tuples(st.just("bookmark"), st.just(""), st.just("")),
)


@dataclass
class Play:
    """One run: what was done, and the browsers that came."""

    edge: Edge
    cursors: list[str] = field(default_factory=list)
    came: list[Browser] = field(default_factory=list)
    numbers: int = 3

    async def begin(self) -> None:
        policy = channel_pb2.ChannelPolicy(access=channel_pb2.CHANNEL_ACCESS_PRIVATE)
        request = channel_pb2.CreateChannelRequest(name=SECRET, policy=policy)
        await self.edge.node.channels.create_channel(DEVELOPER, request)
        for number in (1, 2, 3):
            self.came.append(await self.edge.open(number, SUBJECTS[number % 2]))

    async def do(  # noqa: C901 (one arm each)
        self, kind: str, one: object, other: object
    ) -> None:
        edge, browser = self.edge, None
        if isinstance(one, int):
            browser = self.came[one - 1]
        match kind, one, other:
            case "publish", str(channel), int(count):
                await publish(edge, channel, count)
            case "follow", int(), str(channel) if browser:
                await edge.subscribe(browser, channel)
            case "history", int(), str(channel) if browser:
                await edge.subscribe(browser, channel, history=7)
            case "resume", int(number), str(channel) if browser and self.cursors:
                cursor = self.cursors[number % len(self.cursors)]
                await edge.subscribe(browser, channel, cursor=cursor)
            case "unfollow", int(), str(channel) if browser:
                await edge.unsubscribe(browser, channel)
            case "member", str(subject), bool(added):
                await change(edge, subject, added)
            case "live", _, bool(reads):
                edge.reads_live = reads
            case "credit", _, bool(given) if browser:
                browser.credits = given
                edge.give_back(browser)
            case "turn", _, _:
                await edge.turn()
            case "reconnect", _, _:
                await edge.reconnect()
            case "return", str(channel), int(count):
                await edge.reconnect(lambda: publish(edge, channel, count))
            case "readmit", str(subject), bool(added):
                await edge.reconnect(lambda: change(edge, subject, added))
            case "reload", int(number), _ if browser:
                await edge.leave(browser)
                self.numbers += 1
                fresh = await edge.open(self.numbers, browser.subject)
                self.came[number - 1] = fresh
            case "bookmark", _, _:
                edge.trunk.bookmark()
            case _:
                pass
        for browser in self.came:
            self.cursors += [one.cursor for one in browser.following.values() if one.cursor][:1]


async def publish(edge: Edge, channel: str, count: int) -> None:
    events = [event_pb2.Draft(text="x" * 50) for _ in range(count)]
    request = channel_pb2.PublishRequest(channel=channel, events=events)
    await edge.node.publisher.publish(DEVELOPER, "", request)
    await asyncio.sleep(0)


async def change(edge: Edge, subject: str, added: bool) -> None:
    members = edge.node.channels
    if added:
        adding = channel_pb2.AddMemberRequest(channel=SECRET, subject=subject)
        await members.add_member(DEVELOPER, adding)
    else:
        removing = channel_pb2.RemoveMemberRequest(channel=SECRET, subject=subject)
        await members.remove_member(DEVELOPER, removing)


def everything(edge: Edge) -> list[Entry]:
    """Return all entries of the rooms."""
    (head,) = edge.node.hub.heads
    start = (Position(head.epoch, 0),)
    page = edge.node.log.read(["default.room.>"], start, (head,), 1 << 30, lambda key: True)
    assert isinstance(page, Page)
    return list(page.entries)


@dataclass
class Sight:
    """What a subject may see, by the log alone: `removed` is where it was last removed."""

    shown: dict[int, bool] = field(default_factory=dict)
    removed: int = 0


def sight(subject: str, entries: list[Entry]) -> Sight:
    member, sight = False, Sight()
    for entry in entries:
        changes = entry.type in {"channel.member_added", "channel.member_removed"}
        if changes and json.loads(entry.event.json)["client_id"] == subject:
            member = entry.type == "channel.member_added"
            sight.removed = sight.removed if member else entry.sequence
        sight.shown[entry.sequence] = member or entry.key != KEY
    return sight


def check(one: Followed, subject: str, entries: list[Entry]) -> None:
    """Check what a subscription got, up to its end."""
    got = [event.sequence for event in one.events]
    assert got == sorted(set(got)), "twice, or out of order"
    sees = sight(subject, entries)
    leaked = [number for number in got if not sees.shown[number] and number not in one.missed]
    assert not leaked, "shown to somebody who was no member"
    due: list[int] = []
    for entry in entries:
        follows = matches(f"default.{one.channel}", entry.key) and sees.shown[entry.sequence]
        # What was missed is read with the rights of then: a former member does not get it.
        lapsed = entry.key == KEY and entry.sequence <= sees.removed
        if entry.sequence > one.begins and follows and not (lapsed and entry.sequence not in got):
            due.append(entry.sequence)
    came = [number for number in got if sees.shown[number]]
    assert came == (due[: len(came)] if one.ended else due), "a hole"


async def play(steps: list[tuple[str, object, object]], max_queued_bytes: int) -> None:
    async with running(max_queued_bytes) as edge:
        game = Play(edge)
        await game.begin()
        for kind, one, other in steps:
            await game.do(kind, one, other)
        await edge.settle()
        entries = everything(edge)
        for browser in game.came:
            for followed in (*browser.following.values(), *browser.former):
                if followed.begins >= 0:
                    check(followed, browser.subject, entries)
        assert len(edge.node.sessions) == len(edge.trunk.sessions) == 3


@settings(max_examples=examples(150), deadline=None)
@given(st.lists(step, max_size=40), st.sampled_from([500, 2000, 1 << 20]))
async def test_each_subscription_gets_its_contiguous_run(
    steps: list[tuple[str, object, object]], max_queued_bytes: int
) -> None:
    await play(steps, max_queued_bytes)
