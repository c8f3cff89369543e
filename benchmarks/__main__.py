"""The command: `python -m benchmarks [case ...] [--json FILE] [--quick] [--rounds N]`."""

import argparse
from pathlib import Path

import uvloop

from benchmarks.cases.table import CASES
from benchmarks.harness.measure import Bench
from benchmarks.harness.table import show, to_json


async def run(names: list[str], bench: Bench) -> None:
    """Run the cases, one after the other."""
    for name in names:
        print(f"{name}: {CASES[name].summary}", flush=True)
        await CASES[name].measure(bench)


def main() -> None:
    """Run what was asked for; print the table, and write JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="case", help=f"of {', '.join(CASES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every value here")
    parser.add_argument("--quick", action="store_true", help="little work: figures mean nothing")
    parser.add_argument("--rounds", type=int, default=0, help="5, or 1 where quick")
    chosen = parser.parse_args()
    names: list[str] = chosen.cases or list(CASES)
    if unknown := [name for name in names if name not in CASES]:
        parser.error(f"no such case: {', '.join(unknown)}; there are {', '.join(CASES)}")
    quick: bool = chosen.quick
    bench = Bench(quick=quick, rounds=chosen.rounds or (1 if quick else 5))
    uvloop.run(run(names, bench))
    show(bench.figures)
    if chosen.json:
        Path(chosen.json).write_bytes(to_json(bench.figures, quick=quick))


if __name__ == "__main__":
    main()
