"""A core that is lost: what the next one is told, and what happens to what was asked."""

import time
from contextlib import AsyncExitStack

import pytest

from blackroad.realtime.v1 import common_pb2, gateway_pb2
from tests.edge.rig import running_core, running_edge, until
from tests.edge.trunk.following import contents, following
from tests.edge.trunk.peer import scripted

pytestmark = pytest.mark.usefixtures("one_loop")


async def test_a_lost_core_is_left_for_the_next_and_everything_comes_back() -> None:
    async with (
        scripted() as (core, address),
        scripted() as (other, other_address),
        running_edge(address, other_address) as rig,
        rig.browser("alice") as browser,
    ):
        await browser.say("subscribe", room="room")
        asked = await core.hear("subscribe")
        core.stand(asked, "c0")
        core.caught_up(asked, "c0")
        core.join(asked, 1)
        core.live(1, 1, 2)
        await contents(browser, 2)
        core.hang_up()
        opened = await other.hear("session_opened")
        assert opened.session_opened.session_id == browser.welcome["session_id"]
        assert {hello.cursor for hello in other.hellos} == {"c2"}
        again = await other.hear("subscribe")
        assert again.subscribe.cursor == "c2"
        await other.hear("restored")
        seen = len(browser.passed)
        other.stand(again, "c2")
        other.caught_up(again, "c2")
        other.join(again, 1)
        other.live(1, 3)
        assert await contents(browser, 1) == [3]
        assert len(browser.passed) == seen + 1, "a pause, and nothing else"


async def test_a_restored_subscription_goes_on_without_a_word() -> None:
    async with (
        scripted() as (core, address),
        scripted() as (other, other_address),
        running_edge(address, other_address) as rig,
        rig.browser("alice") as browser,
    ):
        await browser.say("subscribe", room="room")
        asked = await core.hear("subscribe")
        core.stand(asked, "c0")
        core.caught_up(asked, "c0")
        core.join(asked, 1)
        core.live(1, 1)
        await contents(browser, 1)
        core.hang_up()
        again = await other.hear("subscribe")
        assert (again.subscribe.cursor, other.hellos[0].cursor) == ("c1", "c1")
        seen = len(browser.passed)
        other.join(again, 1, restored=True)
        other.live(1, 2, 3)
        assert await contents(browser, 2) == [2, 3]
        assert len(browser.passed) == seen + 2
        other.hang_up()
        await core.hear("session_opened")
        assert core.hellos[-1].cursor == "c3"
        assert (await core.hear("subscribe")).subscribe.cursor == "c3"


async def test_an_answer_that_no_core_knows_any_more_has_failed() -> None:
    async with (
        scripted() as (core, address),
        scripted() as (other, other_address),
        running_edge(address, other_address) as rig,
        rig.browser("alice") as browser,
    ):
        await browser.say("agent.invoke", agent="ECHO", input="one two", id="ask")
        asked = await core.hear("start")
        opened = gateway_pb2.AnswerOpened(stream_id="st_1")
        core.say(
            "control", session=asked.session, request_id=asked.request_id, answer_opened=opened
        )
        session = rig.edge.context.trunk.sessions[asked.session]
        await until(lambda: session.viewing)
        core.hang_up()
        again = await other.hear("subscribe")
        assert again.subscribe.channel == "stream.st_1"
        gone = common_pb2.Rejected(code=common_pb2.ERROR_CODE_NOT_FOUND)
        other.say("control", session=again.session, request_id=again.request_id, rejected=gone)
        ended = await browser.find("agent.response", id="ask", stream_id="st_1")
        assert (ended["status"], ended["code"]) == ("failed", "agent_lost")
        assert not session.viewing


async def test_what_was_missed_only_in_part_is_resumed_from_there() -> None:
    async with (
        scripted() as (core, address),
        scripted() as (other, other_address),
        running_edge(address, other_address) as rig,
        rig.browser("alice") as browser,
    ):
        await browser.say("subscribe", room="room", cursor="c0")
        asked = await core.hear("subscribe")
        core.stand(asked, "c0")
        core.miss(asked, 1, 2)
        await contents(browser, 2)
        core.join(asked, 1)
        core.live(1, 9)
        await until(lambda: rig.edge.context.trunk.live_events == 1)
        core.hang_up()
        again = await other.hear("subscribe")
        assert again.subscribe.cursor == "c2"
        other.stand(again, "c2")
        other.miss(again, 3, 9)
        other.caught_up(again, "c9")
        assert await contents(browser, 2) == [3, 9]
        await browser.find("caught_up")


async def test_a_request_without_a_core_is_asked_of_the_next() -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        _, address = await first.enter_async_context(scripted())
        rig = await stack.enter_async_context(running_edge(address))
        browser = await stack.enter_async_context(rig.browser("alice"))
        await first.aclose()
        await until(lambda: not rig.edge.context.trunk.up)
        await browser.say("message", room="room", content=1, id="1")
        await until(lambda: rig.edge.context.trunk.open_requests == 1)
        core, _ = await stack.enter_async_context(scripted(address))
        asked = await core.hear("publish")
        core.say("control", session=asked.session, request_id=asked.request_id, published={})
        await browser.find("published", id="1")


async def test_what_was_in_flight_is_unknown_at_once_and_what_waits_unavailable_in_time() -> None:
    async with AsyncExitStack() as stack:
        gone = await stack.enter_async_context(AsyncExitStack())
        core, address = await gone.enter_async_context(scripted())
        rig = await stack.enter_async_context(running_edge(address, core_wait_seconds=0.3))
        browser = await stack.enter_async_context(rig.browser("alice"))
        await browser.say("message", room="room", content=1, id="publish")
        await core.hear("publish")
        await browser.say("history", room="room", id="read")
        await core.hear("list_events")
        begun = time.monotonic()
        await gone.aclose()
        assert (await browser.find("error", id="publish"))["code"] == "unknown"
        assert (await browser.find("error", id="read"))["code"] == "unavailable"
        await browser.say("message", room="room", content=2, id="later")
        assert (await browser.find("error", id="later"))["code"] == "unavailable"
        assert time.monotonic() - begun < 3, "not the 15 s that a core has for its answer"


async def test_a_publish_that_may_have_been_lost_is_unknown_and_one_with_a_key_is_repeated() -> (
    None
):
    async with (
        scripted() as (core, address),
        running_edge(address) as rig,
        rig.browser("alice") as browser,
    ):
        await browser.say("message", room="room", content=1, id="1")
        await browser.say("message", room="room", content=2, id="2", idempotency_key="k")
        await core.hear("publish")
        await core.hear("publish")
        core.hang_up()
        assert (await browser.find("error", id="1"))["code"] == "unknown"
        again = await core.hear("publish")
        assert again.publish.idempotency_key == "k"


async def test_a_restart_of_a_memory_core_is_a_gap_and_then_goes_on() -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(AsyncExitStack())
        address = await first.enter_async_context(running_core())
        rig = await stack.enter_async_context(running_edge(address))
        browser = await stack.enter_async_context(rig.browser("alice"))
        await browser.follow("room")
        await browser.publish("room", 1)
        await browser.find("message", content=1)
        await first.aclose()
        await stack.enter_async_context(running_core(address))
        assert (await browser.find("gap"))["reason"] == "epoch_changed"
        await browser.publish("room", 2)
        await browser.find("message", content=2)


async def test_what_the_rate_does_not_allow_now_is_resumed_when_it_does() -> None:
    async with following() as (core, rig, browser, asked):
        core.join(asked, 7)
        core.caught_up(asked, "c1")
        core.live(7, 2)
        await browser.find("message", offset=2)
        session = rig.edge.context.trunk.sessions[asked.session]
        session.on_overflow(dict.fromkeys(session.following.by_name["room"].numbers, "c2"))
        resumed = await core.hear("subscribe")
        limited = common_pb2.Rejected(code=common_pb2.ERROR_CODE_RATE_LIMITED)
        limited.retry_after.FromMilliseconds(50)
        core.say(
            "control", session=resumed.session, request_id=resumed.request_id, rejected=limited
        )
        again = await core.hear("subscribe")
        assert again.subscribe.cursor == resumed.subscribe.cursor == "c2"
        assert again.request_id != resumed.request_id
        core.stand(again, "c2")
        core.miss(again, 3)
        await browser.find("message", offset=3)
        assert not [frame for frame in browser.passed if frame["type"] == "unsubscribed"]
