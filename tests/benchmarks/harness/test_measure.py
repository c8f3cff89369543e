"""Rounds take turns, and the first of each does not count."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.harness.measure import Bench, Metric, percentile

STEPS = Metric("steps", "1")


@dataclass
class Walker:
    name: str
    order: list[str]
    steps: list[float] = field(default_factory=lambda: [99.0, 3.0, 1.0, 2.0])

    async def round(self) -> Mapping[Metric, float]:
        self.order.append(self.name)
        return {STEPS: self.steps.pop(0)}


async def test_contenders_take_turns_and_their_first_round_is_not_counted() -> None:
    order: list[str] = []
    bench = Bench(quick=False, rounds=3)
    await bench.compare("walk", [Walker("one", order), Walker("two", order)])
    assert order == ["one", "two"] * 4
    assert [figure.contender for figure in bench.figures] == ["one", "two"]
    assert bench.figures[0].spread == (1.0, 2.0, 3.0)


def test_percentile_is_a_value_that_was_measured() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert percentile(values, 50) == 3.0
    assert percentile(values, 99) == 5.0
    assert percentile([7.0], 50) == 7.0
