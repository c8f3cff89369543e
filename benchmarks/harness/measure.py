"""Figures, and rounds that take turns, so that the machine's noise hits every contender alike."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class WrongCount(Exception):  # noqa: N818 - it is what was found
    """Something was lost, came twice or out of order: the figure would be worth nothing."""


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured; `promise` is what the guide or the issue asks of us, in words."""

    name: str
    unit: str
    promise: str = ""


@dataclass(slots=True)
class Figure:
    """One metric of one contender, a value for each round."""

    case: str
    contender: str
    metric: Metric
    values: list[float] = field(default_factory=list)

    @property
    def spread(self) -> tuple[float, float, float]:
        """Minimum, median and maximum over the rounds."""
        return min(self.values), statistics.median(self.values), max(self.values)


Sample = Mapping[Metric, float]
"""What one round of one contender measured."""


class Contender(Protocol):
    """One way to do a case's work. Raises `WrongCount` where a round lost anything."""

    @property
    def name(self) -> str:
        """As the table calls it."""
        ...

    async def round(self) -> Sample:
        """Do the work once."""
        ...


class Bench:
    """One run: how much work, and what was measured so far."""

    def __init__(self, *, quick: bool, rounds: int) -> None:
        self.quick = quick
        self.rounds = rounds
        self.figures: list[Figure] = []

    def scale(self, full: int, quick: int) -> int:
        """Choose an amount of work."""
        return quick if self.quick else full

    async def compare(self, case: str, contenders: Sequence[Contender]) -> None:
        """Let the contenders take turns, after one round each that is not counted."""
        known: dict[tuple[str, Metric], Figure] = {}
        for number in range(self.rounds + 1):
            for contender in contenders:
                sample = await contender.round()
                for metric, value in sample.items() if number else ():
                    key = contender.name, metric
                    if key not in known:
                        known[key] = Figure(case, contender.name, metric)
                        self.figures.append(known[key])
                    known[key].values.append(value)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the nearest-rank percentile of values in any order."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
