"""When a gate flushes: at the end of the hub's batch, of the tick, or after its interval."""

import asyncio

from blackroad.core.hub.gate import MIN_INTERVAL_SECONDS, Gate, Turn


class Sink:
    """Counts its flushes; `pending` is whether there is something."""

    def __init__(self) -> None:
        self.turn = Turn()
        self.flushes = 0
        self.pending = True
        self.gate = Gate(self.flush, self.turn)

    def flush(self) -> bool:
        self.flushes += 1
        return self.pending


async def settled(sink: Sink, flushes: int) -> None:
    async with asyncio.timeout(5):
        while sink.flushes < flushes:  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0)


async def test_a_quiet_gate_opens_once_at_the_end_of_the_batch() -> None:
    sink = Sink()
    with sink.turn.batch():
        sink.gate.request()
        sink.gate.request()
        assert sink.flushes == 0
    assert sink.flushes == 1
    await asyncio.sleep(2 * MIN_INTERVAL_SECONDS)
    assert sink.flushes == 1


async def test_without_a_batch_it_opens_at_the_end_of_the_tick() -> None:
    sink = Sink()
    sink.gate.request()
    assert sink.flushes == 0
    await asyncio.sleep(0)
    assert sink.flushes == 1


async def test_a_busy_gate_waits_for_its_interval() -> None:
    sink = Sink()
    sink.gate.open()
    begun = asyncio.get_running_loop().time()
    with sink.turn.batch():
        sink.gate.request()
    assert sink.flushes == 1
    await settled(sink, 2)
    assert asyncio.get_running_loop().time() - begun >= MIN_INTERVAL_SECONDS / 2


async def test_what_was_flushed_or_closed_in_the_batch_is_not_flushed_again() -> None:
    opened, closed = Sink(), Sink()
    closed.gate = Gate(closed.flush, opened.turn)
    with opened.turn.batch():
        opened.gate.request()
        opened.gate.open()
        closed.gate.request()
        closed.gate.close()
    await asyncio.sleep(0)
    assert (opened.flushes, closed.flushes) == (1, 0)


async def test_a_failing_batch_still_opens_its_gates() -> None:
    sink = Sink()
    try:
        with sink.turn.batch():
            sink.gate.request()
            raise ValueError
    except ValueError:
        pass
    assert sink.flushes == 1
