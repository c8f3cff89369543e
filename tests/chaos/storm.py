"""One run: the world lives on a fleet, faults strike in the order of a seed; it is judged."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.chaos.faults import Fault
from tests.chaos.fleet import Fleet
from tests.chaos.history import Answered, Gapped, Healed, Received, Record, Sent, Struck
from tests.chaos.rules import (
    RULES,
    acknowledged_is_delivered,
    no_duplicate,
    no_hole,
)
from tests.chaos.stages import Stage
from tests.chaos.world import World

CALM_SECONDS: Final = 1.2
SHOWN: Final = 12
LOSSES: Final = (no_hole, acknowledged_is_delivered)


async def storm(stage: Stage, *, seed: int, seconds: float, path: Path) -> Sequence[Record]:
    """Have each fault strike once; then, while there is time, two at once. Return the history."""
    chance = random.Random(seed)
    end = time.monotonic() + seconds
    healing: list[Healed] = []
    fleet, faults = stage.fleet, stage.faults
    async with World(fleet, seed, path) as world:
        await asyncio.sleep(CALM_SECONDS)
        for fault in chance.sample(faults, len(faults)):
            await _strike(fleet, world, [(fault, fault.target(chance))], chance, healing)
        while time.monotonic() < end:
            await _strike(fleet, world, _two(faults, chance), chance, healing)
        await world.finish()
        return world.history.records


def _two(faults: Sequence[Fault], chance: random.Random) -> list[tuple[Fault, str]]:
    """Return two faults that can be at once: of two targets, at most one of them the engine."""
    while True:
        one, other = [(fault, fault.target(chance)) for fault in chance.sample(faults, 2)]
        if one[1] != other[1] and not (one[0].of_engine and other[0].of_engine):
            return [one, other]


async def _strike(
    fleet: Fleet,
    world: World,
    strikes: Sequence[tuple[Fault, str]],
    chance: random.Random,
    healing: list[Healed],
) -> None:
    """Have faults strike, one soon after the other; then all must be well again.

    What was lost may be told a little late: it counts as healed only after the next strike.
    """
    late = 0.0
    async with asyncio.TaskGroup() as striking:
        for fault, target in strikes:
            held = chance.uniform(*fault.seconds)
            striking.create_task(_hold(world, fault, target, late, held))
            late += chance.uniform(0, held)
    await fleet.whole()
    await asyncio.sleep(CALM_SECONDS)
    for healed in healing:
        world.history.add(healed)
    healing.clear()
    for fault, target in strikes:
        if fault.loses:
            healing.append(Healed(fault.name, target))
        else:
            world.history.add(Healed(fault.name, target))


async def _hold(world: World, fault: Fault, target: str, late: float, held: float) -> None:
    await asyncio.sleep(late)
    world.history.add(Struck(fault.name, target, fault.loses))
    print(f"  {fault.name}: {target}, {held:.1f} s", flush=True)
    async with fault.strike(target):
        await asyncio.sleep(held)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a history shows."""

    counts: Counter[str]
    faults: Counter[str]
    losses: int
    duplicates: int
    broken: dict[str, list[str]]

    def __str__(self) -> str:
        """Return it for people."""
        counts = self.counts
        attempts = ", ".join(f"{counts[one]} {one}" for one in ("published", "rejected", "unknown"))
        lines = [
            f"events: {counts['Sent']} said (attempts: {attempts}), {counts['Received']} received",
            f"faults: {sum(self.faults.values())} ({', '.join(sorted(self.faults))})",
            f"gaps declared: {counts['Gapped']}",
            f"losses: {self.losses}, duplicates: {self.duplicates}",
        ]
        for rule, words in self.broken.items():
            lines.append(f"BROKEN {rule}: {len(words)}")
            lines += [f"  {word}" for word in words[:SHOWN]]
        return "\n".join(lines)


def judge(history: Sequence[Record]) -> Verdict:
    """Apply every rule."""
    counts: Counter[str] = Counter()
    faults: Counter[str] = Counter()
    for one in history:
        match one:
            case Answered():
                counts[one.outcome] += 1
            case Sent() | Received() | Gapped():
                counts[type(one).__name__] += 1
            case Struck():
                faults[one.fault] += 1
            case _:
                pass
    found = {rule.__name__: rule(history) for rule in RULES}
    broken = {name: words for name, words in found.items() if words}
    losses = sum(len(found[rule.__name__]) for rule in LOSSES)
    return Verdict(counts, faults, losses, len(found[no_duplicate.__name__]), broken)
