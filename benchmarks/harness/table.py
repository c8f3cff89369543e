"""What was measured, as a table for people and as JSON for programs."""

import os
import platform
from collections.abc import Mapping, Sequence

import msgspec
from rich.console import Console
from rich.table import Table

from benchmarks.harness.measure import Figure
from benchmarks.harness.processes import RAISED


def number(value: float) -> str:
    """Return a value with three digits that matter, or all of a large one's."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def show(figures: Sequence[Figure]) -> None:
    """Print the table, and below it the settings that it was measured with."""
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for heading in ("case", "of", "what", "unit"):
        table.add_column(heading, overflow="fold")
    for heading in ("min", "median", "max"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("asked of us", overflow="fold")
    for figure in figures:
        spread = map(number, figure.spread)
        metric = figure.metric
        table.add_row(
            figure.case, figure.contender, metric.name, metric.unit, *spread, metric.promise
        )
    console = Console(width=None if os.isatty(1) else 200)
    console.print(table)
    print(f"\nSettings: the defaults, but {' '.join(RAISED)}")
    print(f"Machine: {' '.join(machine().values())}")


def machine() -> Mapping[str, str]:
    """Say where the figures are from."""
    return {
        "python": f"Python {platform.python_version()},",
        "system": f"{platform.system()} {platform.release()},",
        "cpus": f"{os.cpu_count()} CPUs",
    }


def to_json(figures: Sequence[Figure], *, quick: bool) -> bytes:
    """Return everything, each round's value included."""
    document = {"quick": quick, "settings": RAISED, "machine": machine(), "figures": figures}
    return msgspec.json.format(msgspec.json.encode(document))
