"""The registry of a node's sessions: who is told to go, and when to come back."""

import asyncio

from blackroad.core.errors import Code
from blackroad.core.sessions import DRAIN_BATCH, Sessions
from tests.core.guest import Guest


class Browser(Guest):
    """One that its edge tells."""


async def test_who_is_drained_is_told_in_batches_each_when_to_come_back() -> None:
    sessions = Sessions()
    guests = [Guest(f"se_{number:04}") for number in range(DRAIN_BATCH + 1)]
    browser = Browser("se_b")
    for session in (*guests, browser):
        sessions.add(session)
    draining = asyncio.create_task(sessions.drain(3600.0, aside=Browser))
    await asyncio.sleep(0)
    assert [len(one.endings) for one in guests] == [1] * DRAIN_BATCH + [0], "the rest comes later"
    assert not browser.endings
    told = [one.endings[0] for one in guests[:-1]]
    assert {ending.code for ending in told} == {Code.DRAINING}
    assert len({ending.retry_after_seconds for ending in told}) == DRAIN_BATCH
    draining.cancel()
    await asyncio.wait([draining])


async def test_a_few_are_told_at_once() -> None:
    sessions, guest = Sessions(), Guest("se_1")
    sessions.add(guest)
    async with asyncio.timeout(10):
        await sessions.drain(3600.0, aside=Browser)
    assert len(guest.endings) == 1


def test_a_late_end_does_not_remove_a_successor_under_the_same_id() -> None:
    sessions, former, present = Sessions(), Guest("se_1"), Guest("se_1")
    sessions.add(former)
    sessions.add(present)
    sessions.remove(former)
    assert sessions.get("se_1") is present
