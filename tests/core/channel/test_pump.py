"""The pump: in turn, only where there is room, and one that fails does not stop the others."""

import asyncio

import pytest

from blackroad.core.channel.pump import Pump, Source


class Pages:
    """A source of so many pages, which are noted."""

    def __init__(self, name: str, pages: int, turns: list[str], *, fails: bool = False) -> None:
        self.roomy = True
        self._name, self._pages, self._turns, self._fails = name, pages, turns, fails

    async def step(self) -> bool:
        if self._fails:
            raise ValueError("a defect")
        self._turns.append(self._name)
        self._pages -= 1
        return self._pages > 0


async def ran(pump: Pump, turns: list[str], count: int) -> None:
    """Run the pump until so many turns were taken, and a few ticks more."""
    running = asyncio.ensure_future(pump.run())
    async with asyncio.timeout(5):
        while len(turns) < count and not running.done():  # noqa: ASYNC110 (each tick is one)
            await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    if not running.done():
        running.cancel()
    await asyncio.gather(running, return_exceptions=False)


async def run(pump: Pump, turns: list[str], count: int) -> None:
    with pytest.raises(asyncio.CancelledError):
        await ran(pump, turns, count)


async def test_sources_take_turns() -> None:
    turns: list[str] = []
    pump = Pump()
    for name in ("a", "b"):
        pump.add(Pages(name, 3, turns))
    await run(pump, turns, 6)
    assert turns == ["a", "b"] * 3


async def test_a_source_without_room_is_set_aside_until_it_is_woken() -> None:
    turns: list[str] = []
    pump = Pump()
    full, other = Pages("full", 2, turns), Pages("other", 2, turns)
    full.roomy = False
    pump.add(full)
    pump.add(other)
    await run(pump, turns, 2)
    assert turns == ["other", "other"]
    full.roomy = True
    pump.wake(full)
    pump.wake(full)
    await run(pump, turns, 4)
    assert turns[2:] == ["full", "full"]


async def test_a_source_that_is_discarded_gets_no_turn() -> None:
    turns: list[str] = []
    pump = Pump()
    gone, other = Pages("gone", 2, turns), Pages("other", 1, turns)
    pump.add(gone)
    pump.add(other)
    pump.discard(gone)
    await run(pump, turns, 1)
    assert turns == ["other"]


async def test_one_that_fails_is_told_and_the_others_go_on() -> None:
    turns: list[str] = []
    crashed: list[tuple[Source, str]] = []
    pump = Pump(lambda source, error: crashed.append((source, str(error))))
    broken = Pages("broken", 1, turns, fails=True)
    pump.add(broken)
    pump.add(Pages("other", 2, turns))
    await run(pump, turns, 2)
    assert turns == ["other", "other"]
    assert crashed == [(broken, "a defect")]


async def test_without_anyone_to_tell_a_failure_ends_the_pump() -> None:
    turns: list[str] = []
    pump = Pump()
    pump.add(Pages("broken", 1, turns, fails=True))
    with pytest.raises(ValueError, match="a defect"):
        await ran(pump, turns, 1)
