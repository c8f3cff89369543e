"""Tickets: once, soon, and not too many."""

import asyncio
from collections.abc import Callable

import pytest

from blackroad.core.clock import Clock, FakeClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity import tickets as module
from blackroad.core.identity.identity import ALL_ACTIONS, Identity, Kind, grant
from blackroad.core.identity.tickets import (
    MAX_OPEN,
    MemoryTickets,
    SharedTickets,
    Ticket,
    Tickets,
)
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.log.shelf import Shelf

ANN = Ticket(Identity("default", "ann", Kind.USER, (grant("room.>", ALL_ACTIONS),)))
Make = Callable[[Clock], Tickets]


def shared(clock: Clock) -> Tickets:
    return SharedTickets(Shelf(MemoryLog(MemoryLogSettings(), clock), "ticket"), clock)


@pytest.fixture(params=[MemoryTickets, shared])
def make(request: pytest.FixtureRequest) -> Make:
    """Return how tickets are kept."""
    made: Make = request.param
    return made


async def refused(tickets: Tickets, text: str) -> bool:
    try:
        await tickets.take(text)
    except Rejection as rejection:
        return rejection.code is Code.UNAUTHENTICATED
    return False


async def test_of_all_that_show_a_ticket_exactly_one_is_let_in(make: Make) -> None:
    tickets = make(FakeClock())
    text, _ = await tickets.create(ANN)
    results = await asyncio.gather(*(refused(tickets, text) for _ in range(50)))
    assert results.count(False) == 1


async def test_a_ticket_ends_after_30_seconds(make: Make) -> None:
    clock = FakeClock()
    tickets = make(clock)
    (early, ends_ns), (late, _) = await tickets.create(ANN), await tickets.create(ANN)
    assert ends_ns == clock.time_ns() + 30_000_000_000
    clock.advance(29.9)
    assert (await tickets.take(early)) == ANN
    clock.advance(0.2)
    assert await refused(tickets, late)


async def test_what_is_no_ticket_is_refused(make: Make) -> None:
    tickets = make(FakeClock())
    for text in ("", "x", "é\ud800", "x" * 100_000):
        assert await refused(tickets, text)


async def test_a_tenant_has_so_many_open_and_then_waits(make: Make) -> None:
    clock = FakeClock()
    tickets = make(clock)
    for _ in range(MAX_OPEN):
        await tickets.create(ANN)
    with pytest.raises(Rejection) as raised:
        await tickets.create(ANN)
    assert raised.value.code is Code.TOO_LARGE
    await tickets.create(Ticket(Identity("acme", "ann", Kind.USER)))
    clock.advance(31)
    await tickets.create(ANN)


async def test_a_ticket_of_one_node_is_good_at_another_and_outlives_the_first() -> None:
    clock = FakeClock()
    log = MemoryLog(MemoryLogSettings(), clock)
    one, other = (SharedTickets(Shelf(log, "ticket"), clock) for _ in range(2))
    text, _ = await one.create(ANN)
    del one
    assert await other.take(text) == ANN
    assert await refused(other, text)


async def test_tickets_that_the_log_did_not_take_do_not_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_OPEN", 1)
    clock = FakeClock()
    log = MemoryLog(MemoryLogSettings(), clock)
    tickets = SharedTickets(Shelf(log, "ticket"), clock)
    await log.close()  # it takes nothing
    for _ in range(2):
        with pytest.raises(Rejection) as rejected:
            await tickets.create(ANN)
        assert rejected.value.code is Code.UNAVAILABLE
