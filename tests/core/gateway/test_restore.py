"""An edge that comes back: what its former trunk missed crosses once, for those whom it is for."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from blackroad.core.gateway.restore import Restore
from blackroad.core.log.cursor import encode_cursor
from blackroad.core.names import scope
from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2, gateway_pb2
from tests.core.gateway.browsers import Followed
from tests.core.gateway.edge import DEVELOPER, Edge, Request, mark, running

PRIVATE = channel_pb2.ChannelPolicy(access=channel_pb2.CHANNEL_ACCESS_PRIVATE)
PUBLIC = channel_pb2.ChannelPolicy(access=channel_pb2.CHANNEL_ACCESS_PUBLIC)
FOLLOWERS = 20


async def publish(edge: Edge, channel: str, *texts: str) -> None:
    events = [event_pb2.Draft(text=text) for text in texts]
    request = channel_pb2.PublishRequest(channel=channel, events=events)
    await edge.node.publisher.publish(DEVELOPER, "", request)
    await mark(edge.node)


async def create(edge: Edge, channel: str, policy: channel_pb2.ChannelPolicy) -> None:
    request = channel_pb2.CreateChannelRequest(name=channel, policy=policy)
    await edge.node.channels.create_channel(DEVELOPER, request)


async def set_access(edge: Edge, channel: str, policy: channel_pb2.ChannelPolicy) -> None:
    request = channel_pb2.UpdateChannelRequest(name=channel, policy=policy)
    request.update_mask.paths.append("policy.access")
    await edge.node.channels.update_channel(DEVELOPER, request)


async def admit(edge: Edge, channel: str, subject: str) -> None:
    request = channel_pb2.AddMemberRequest(channel=channel, subject=subject)
    await edge.node.channels.add_member(DEVELOPER, request)


async def remove(edge: Edge, channel: str, subject: str) -> None:
    request = channel_pb2.RemoveMemberRequest(channel=channel, subject=subject)
    await edge.node.channels.remove_member(DEVELOPER, request)


def texts(followed: Followed) -> list[str]:
    return [event.text for event in followed.events if event.type == "message"]


@asynccontextmanager
async def followed_by(
    *channels: str, private: str = ""
) -> AsyncGenerator[tuple[Edge, list[Followed]]]:
    """Give browsers that are live: as many as channels, each of a subject of its own."""
    async with running() as edge:
        if private:
            await create(edge, private, PRIVATE)
            for number in range(len(channels)):
                await admit(edge, private, f"s{number}")
        follows: list[Followed] = []
        for number, channel in enumerate(channels):
            browser = await edge.open(number + 1, f"s{number}")
            follows.append(await edge.subscribe(browser, channel))
        await edge.settle()
        yield edge, follows


async def test_what_was_missed_crosses_once_for_all() -> None:
    async with followed_by(*["room.a"] * FOLLOWERS) as (edge, follows):
        await publish(edge, "room.a", "before")
        await edge.settle()
        edge.crossed.clear()
        await edge.close()
        await publish(edge, "room.a", "1", "2", "3")
        await edge.reconnect(lambda: publish(edge, "room.a", "4"))
        await publish(edge, "room.a", "5")
        await edge.settle()
        assert all(one.restored for one in follows)
        assert [texts(one) for one in follows] == [["before", *"12345"]] * FOLLOWERS
        assert len(edge.crossed) == 5, "each event once, however many follow it"
        assert not any(one.missed for one in follows), "and nothing on CATCH_UP"


async def test_a_second_loss_in_the_middle_repeats_nothing() -> None:
    async with followed_by(*["room.a"] * 3) as (edge, follows):
        await edge.close()
        await publish(edge, "room.a", *map(str, range(5)))
        await edge.reconnect()
        await edge.reconnect(lambda: publish(edge, "room.a", "5"))
        await edge.turn()
        await edge.reconnect(lambda: publish(edge, "room.a", "6"))
        await edge.settle()
        assert [texts(one) for one in follows] == [[str(n) for n in range(7)]] * 3


async def test_who_joined_in_silence_shares_it_as_soon_as_a_bookmark_has_come() -> None:
    async with running() as edge:
        followed = await edge.subscribe(await edge.open(1, "ada"), "room.a")
        await edge.turn()
        assert edge.trunk.feed.unmarked
        edge.trunk.mark()
        await edge.turn()
        assert not edge.trunk.feed.unmarked
        await edge.reconnect()
        await edge.settle()
        assert followed.restored


async def test_who_was_still_catching_up_goes_on_alone() -> None:
    async with running() as edge:
        for _ in range(20):
            await publish(edge, "room.a", "x" * 60_000)
        slow, quick = await edge.open(1, "ada"), await edge.open(2, "bob")
        slow.credits = False
        behind = await edge.subscribe(slow, "room.a", history=20)
        live = await edge.subscribe(quick, "room.a")
        for _ in range(50):
            await edge.turn()
        assert not behind.caught_up
        edge.trunk.bookmark()
        await edge.turn()
        await edge.reconnect(lambda: publish(edge, "room.a", "last"))
        await edge.settle()
        assert (behind.restored, live.restored) == (False, True)
        assert [event.offset for event in behind.events] == list(range(1, 22))
        assert texts(live) == ["last"]


async def test_a_right_that_is_gone_ends_the_subscription_with_nothing_more() -> None:
    async with followed_by("room.x", "room.x", private="room.x") as (edge, follows):
        await edge.close()
        await publish(edge, "room.x", "before the removal")
        await remove(edge, "room.x", "s0")
        edge.control.clear()
        await edge.reconnect()
        await publish(edge, "room.x", "after it")
        await edge.settle()
        codes = [frame.rejected.code for frame in edge.control if frame.HasField("rejected")]
        assert codes == [common_pb2.ERROR_CODE_NOT_MEMBER]
        assert texts(follows[0]) == []
        assert texts(follows[1]) == ["before the removal", "after it"]


async def test_a_right_that_goes_before_restored_parts_in_its_place() -> None:
    async with followed_by("room.*", "room.*", private="room.x") as (edge, follows):
        await edge.close()
        await publish(edge, "room.x", "1")

        async def between() -> None:
            await remove(edge, "room.x", "s0")
            await publish(edge, "room.x", "2")

        await edge.reconnect(between)
        await edge.settle()
        assert texts(follows[0]) == ["1"]
        assert texts(follows[1]) == ["1", "2"]


async def test_nobody_shares_what_was_before_their_right_to_it() -> None:
    quiet = channel_pb2.ChannelPolicy(
        access=channel_pb2.CHANNEL_ACCESS_PRIVATE, history_before_join=False
    )
    async with running() as edge:
        await create(edge, "room.x", quiet)
        await admit(edge, "room.x", "old")
        follows = [
            await edge.subscribe(await edge.open(number, subject), "room.*")
            for number, subject in enumerate(("old", "new"), 1)
        ]
        await edge.settle()
        await edge.close()
        await publish(edge, "room.x", "1")
        await admit(edge, "room.x", "new")
        await publish(edge, "room.x", "2")
        await edge.reconnect()
        await publish(edge, "room.x", "3")
        await edge.settle()
        assert [one.restored for one in follows] == [True, False]
        assert [texts(one) for one in follows] == [["1", "2", "3"], ["2", "3"]]


async def test_what_was_deleted_meanwhile_is_not_shown() -> None:
    async with running() as edge:
        await create(edge, "room.a", PUBLIC)
        followed = await edge.subscribe(await edge.open(1, "ada"), "room.*")
        await edge.settle()
        await edge.close()
        await publish(edge, "room.a", "gone")
        delete = channel_pb2.DeleteChannelRequest(name="room.a")
        await edge.node.channels.delete_channel(DEVELOPER, delete)
        await publish(edge, "room.a", "new")
        await edge.reconnect()
        await edge.settle()
        assert followed.restored
        assert texts(followed) == ["new"]


async def test_a_gap_is_told_to_whom_it_concerns_and_no_one_else() -> None:
    async with running(retained_bytes=1 << 20) as edge:
        follows = [
            await edge.subscribe(await edge.open(number, "ada"), channel)
            for number, channel in enumerate(("busy", "busy", "quiet"), 1)
        ]
        await edge.settle()
        await publish(edge, "quiet", "kept")
        await edge.settle()
        await edge.close()
        for _ in range(100):
            await publish(edge, "busy", "x" * 10_000)
        await edge.reconnect()
        await publish(edge, "busy", "last")
        await publish(edge, "quiet", "last")
        await edge.settle()
        assert [one.gaps for one in follows] == [[event_pb2.GAP_REASON_EXPIRED]] * 2 + [[]]
        assert [texts(one) for one in follows] == [["last"], ["last"], ["kept", "last"]]
        assert follows[2].restored


@pytest.mark.parametrize("cursor", ["", "nonsense", encode_cursor(((1, 1), (1, 1)))])
async def test_a_cursor_of_no_use_restores_nothing(cursor: str) -> None:
    async with running() as edge:
        node = edge.node
        assert Restore.begin(cursor, node.hub, node.directory) is None
        ((epoch, sequence),) = node.hub.heads
        for place in ((epoch - 1, sequence), (epoch, sequence + 1)):
            assert Restore.begin(encode_cursor((place,)), node.hub, node.directory) is None
        assert Restore.begin(encode_cursor(node.hub.heads), node.hub, node.directory)


async def test_a_newcomer_with_the_same_cursor_after_restored_is_answered() -> None:
    async with followed_by("room.a") as (edge, _):
        await edge.reconnect()
        newcomer = await edge.subscribe(edge.browsers[1], "room.b", cursor=edge.cursor)
        await edge.settle()
        assert newcomer.caught_up
        assert not newcomer.restored


@pytest.mark.parametrize("ends", ["private", "public"])
async def test_a_pattern_misses_nothing_of_a_channel_that_changes_while_it_waits(ends: str) -> None:
    async with running(max_queued_bytes=300) as edge:
        await create(edge, "room.x", PUBLIC if ends == "private" else PRIVATE)
        await admit(edge, "room.x", "member")
        browsers = [await edge.open(1, "member"), await edge.open(2, "stranger")]
        follows = [await edge.subscribe(browser, "room.*") for browser in browsers]
        await edge.settle()
        edge.reads_live = False
        await publish(edge, "room.x", "1")
        await publish(edge, "room.x", "2")
        await set_access(edge, "room.x", PRIVATE if ends == "private" else PUBLIC)
        await publish(edge, "room.x", "3")
        await edge.settle()
        assert edge.lagged
        assert texts(follows[0]) == ["1", "2", "3"]
        assert texts(follows[1]) == (["1", "2"] if ends == "private" else ["3"])


async def test_a_replay_ignores_what_newcomers_cannot_have() -> None:
    """What is gone of a topic that nobody followed then is no reason to begin again."""
    async with running(max_queued_bytes=1_000, retained_bytes=1 << 20) as edge:
        one, other = await edge.open(1, "ada"), await edge.open(2, "bob")
        followed = await edge.subscribe(one, "quiet")
        await edge.settle()
        endings: list[object] = []
        edge.trunk.ended.append(endings.append)
        await edge.close()
        for _ in range(100):
            await publish(edge, "busy", "x" * 10_000)
        await edge.reconnect()
        late = await edge.subscribe(other, "busy")
        await publish(edge, "busy", "seen")
        await publish(edge, "quiet", "seen")
        await edge.settle()
        assert not endings
        assert (texts(followed), texts(late)) == (["seen"], ["seen"])


async def test_what_is_not_followed_any_more_is_forgotten() -> None:
    async with followed_by("room.a", "room.*") as (edge, _):
        await edge.reconnect()
        await edge.settle()
        for browser in tuple(edge.browsers.values()):
            await edge.leave(browser)
        await edge.settle()
        await edge.trunk.handle(Request(restored=gateway_pb2.Restored()))
        assert edge.node.hub.topics == 0
        listening = len(edge.node.directory.listeners)
        await edge.close()
        assert len(edge.node.directory.listeners) == listening - 1
        assert not edge.node.hub.is_private(scope("default", "room.a"))
