"""The trunk with a core that is played by the test: joins, parts, credit, and turns."""

import pytest

from blackroad.edge.trunk import link, outbox
from blackroad.realtime.v1 import channel_pb2, common_pb2, gateway_pb2
from tests.edge.rig import running_edge, until
from tests.edge.trunk.following import answer, contents, following
from tests.edge.trunk.peer import scripted

pytestmark = pytest.mark.usefixtures("one_loop")


async def test_live_events_wait_from_join_until_caught_up() -> None:
    async with following() as (core, rig, browser, asked):
        core.join(asked, 1)
        core.live(1, 3, 4)
        await until(lambda: rig.edge.context.trunk.live_events == 2)
        core.miss(asked, 1, 2)
        core.caught_up(asked, "c2")
        assert await contents(browser, 4) == [1, 2, 3, 4]
        kinds = [frame["type"] for frame in browser.passed]
        assert kinds.index("caught_up") == len(kinds) - 3


async def test_caught_up_may_come_before_join() -> None:
    async with following() as (core, _, browser, asked):
        core.caught_up(asked, "c2")
        await browser.find("caught_up")
        core.join(asked, 1)
        core.live(1, 3)
        assert await contents(browser, 1) == [3]


async def test_after_a_part_nothing_comes() -> None:
    async with following() as (core, _, browser, asked):
        core.caught_up(asked, "c0")
        core.join(asked, 1)
        core.live(1, 1)
        core.say("live", session=asked.session, part={"number": 1})
        core.live(1, 2)
        core.join(asked, 2)
        core.live(2, 3)
        assert await contents(browser, 2) == [1, 3]


async def test_a_join_of_a_subscription_that_was_replaced_means_nothing() -> None:
    async with following() as (core, _, browser, first):
        await browser.say("subscribe", room="room", cursor="c5")
        second = await core.hear("subscribe")
        core.stand(second, "c5")
        await browser.find("subscribed")
        core.join(first, 1)
        core.caught_up(second, "c5")
        core.join(second, 2)
        core.live(1, 4)
        core.live(2, 6)
        assert await contents(browser, 1) == [6]


async def test_credit_comes_back_for_the_trunk_and_for_the_session() -> None:
    async with following() as (core, _, _browser, asked):
        core.miss(asked, 1, 2, 3)
        given = [await core.hear("credit"), await core.hear("credit")]
        assert {credit.session for credit in given} == {0, asked.session}
        assert len({credit.credit.bytes for credit in given}) == 1
        assert given[0].credit.bytes > 0


async def test_an_unsubscribe_waits_for_the_subscribe_before_it() -> None:
    async with scripted() as (core, address), running_edge(address) as rig:
        async with rig.browser("alice") as browser:
            await browser.say("subscribe", room="room", id="1")
            await browser.say("unsubscribe", room="room", id="2")
            await browser.say("subscribe", room="room", id="3")
            first = await core.hear("subscribe")
            assert core.heard.empty()
            core.stand(first, "c0")
            core.caught_up(first, "c0")
            left = await core.hear("unsubscribe")
            answer(core, left)
            core.stand(await core.hear("subscribe"), "c1")
            await browser.find("subscribed", id="3")
            told = [(frame["type"], frame.get("id")) for frame in browser.passed[1:]]
            told = [each for each in told if each[0] != "caught_up"]
            assert told == [("subscribed", "1"), ("unsubscribed", "2"), ("subscribed", "3")]
        await until(lambda: not rig.edge.context.trunk.turns)


async def test_nothing_of_a_subscription_comes_after_its_end() -> None:
    async with following() as (core, rig, browser, asked):
        core.caught_up(asked, "c0")
        core.join(asked, 1)
        core.live(1, 1)
        assert await contents(browser, 1) == [1]
        await browser.say("unsubscribe", room="room", id="u")
        answer(core, await core.hear("unsubscribe"))
        await browser.find("unsubscribed", id="u")
        core.live(1, 2)  # LIVE is behind: its Part has not come
        core.miss(asked, 3)  # and so is CATCH_UP
        await until(lambda: rig.edge.context.trunk.cursor == "c2")
        await browser.say("ping", id="p")
        assert (await browser.next())["type"] == "pong"


async def test_the_end_of_a_subscription_may_overtake_its_begin() -> None:
    async with (
        scripted() as (core, address),
        running_edge(address) as rig,
        rig.browser("alice") as browser,
    ):
        await browser.say("subscribe", room="room", id="1")
        asked = await core.hear("subscribe")
        unsubscribed = channel_pb2.Unsubscribed(
            channel="room", code=common_pb2.ERROR_CODE_NOT_MEMBER
        )
        core.say(
            "control",
            session=asked.session,
            request_id=asked.request_id,
            unsubscribed=unsubscribed,
        )
        core.stand(asked, "c0")
        core.join(asked, 1)
        core.live(1, 1)
        assert (await browser.next())["type"] == "subscribed"
        assert (await browser.next())["code"] == "not_member"
        await until(lambda: rig.edge.context.trunk.cursor == "c1")
        await browser.say("ping")
        assert (await browser.next())["type"] == "pong"


async def test_a_session_that_is_accepted_too_late_is_closed() -> None:
    async with scripted() as (core, address), running_edge(address, request_seconds=0.2) as rig:
        core.accepting = False
        async with rig.browser("alice") as browser:
            assert browser.welcome["code"] == "deadline_exceeded"
        opened = await core.hear("session_opened")
        accepted = gateway_pb2.SessionAccepted(session_id="se_late", client_id="alice")
        core.say("control", session=opened.session, session_accepted=accepted)
        closed = await core.hear("session_closed")
        assert closed.session == opened.session


async def test_where_too_much_waits_for_the_core_only_who_asks_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link, "PING_SECONDS", 0.01)
    async with (
        scripted() as (core, address),
        running_edge(address) as rig,
        rig.browser("alice") as alice,
        rig.browser("bob") as bob,
    ):
        opened = await core.hear("session_opened")
        monkeypatch.setattr(outbox, "MAX_QUEUED_BYTES", 0)
        await alice.say("message", room="room", content="hi", id="1")
        assert (await alice.find("error", id="1"))["code"] == "unavailable"
        pings = core.pings
        await until(lambda: core.pings > pings + 1)
        await alice.socket.close()
        assert (await core.hear("session_closed")).session == opened.session
        monkeypatch.undo()
        await bob.say("message", room="room", content="hi", id="2")
        assert (await core.hear("publish")).publish.channel == "room"
