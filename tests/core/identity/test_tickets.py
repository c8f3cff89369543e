"""Tickets: once, soon, and not too many."""

import asyncio

import pytest

from blackroad.core.clock import FakeClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.identity.tickets import MAX_OPEN, MemoryTickets, Ticket

ANN = Ticket(Identity("default", "ann", Kind.USER))


async def refused(tickets: MemoryTickets, text: str) -> bool:
    try:
        await tickets.take(text)
    except Rejection as rejection:
        return rejection.code is Code.UNAUTHENTICATED
    return False


async def test_of_all_that_show_a_ticket_exactly_one_is_let_in() -> None:
    tickets = MemoryTickets(FakeClock())
    text, _ = await tickets.create(ANN)
    results = await asyncio.gather(*(refused(tickets, text) for _ in range(50)))
    assert results.count(False) == 1


async def test_a_ticket_ends_after_30_seconds() -> None:
    clock = FakeClock()
    tickets = MemoryTickets(clock)
    (early, ends_ns), (late, _) = await tickets.create(ANN), await tickets.create(ANN)
    assert ends_ns == clock.time_ns() + 30_000_000_000
    clock.advance(29.9)
    assert (await tickets.take(early)) == ANN
    clock.advance(0.2)
    assert await refused(tickets, late)


async def test_what_is_no_ticket_is_refused() -> None:
    tickets = MemoryTickets(FakeClock())
    for text in ("", "x", "é\ud800", "x" * 100_000):
        assert await refused(tickets, text)


async def test_a_tenant_has_so_many_open_and_then_waits() -> None:
    clock = FakeClock()
    tickets = MemoryTickets(clock)
    for _ in range(MAX_OPEN):
        await tickets.create(ANN)
    with pytest.raises(Rejection) as raised:
        await tickets.create(ANN)
    assert raised.value.code is Code.TOO_LARGE
    await tickets.create(Ticket(Identity("acme", "ann", Kind.USER)))
    clock.advance(31)
    await tickets.create(ANN)
