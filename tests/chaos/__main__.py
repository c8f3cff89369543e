"""Runs for as long as it is told, on one engine after the other, and says what came of it."""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from tests.chaos.history import read
from tests.chaos.stages import STAGES
from tests.chaos.storm import Verdict, judge, storm


def main() -> int:
    """Run, or judge a history that was written; return 1 where a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--engine", choices=[*STAGES, "all"], default="all")
    parser.add_argument("--judge", type=Path, metavar="HISTORY", default=None)
    given = parser.parse_args()
    if given.judge is not None:
        verdict = judge(read(given.judge))
        print(verdict)
        return bool(verdict.broken)
    engines = list(STAGES) if given.engine == "all" else [given.engine]
    seed = random.randrange(10**6) if given.seed is None else given.seed
    return asyncio.run(_soak(engines, seed, given.seconds / len(engines)))


async def _soak(engines: list[str], seed: int, seconds: float) -> int:
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    broken = 0
    for engine in engines:
        path = folder / f"{engine}.jsonl"
        verdict = await _run(engine, seed, seconds, path)
        print(verdict)
        if verdict.broken:
            broken = 1
        else:
            path.unlink()
    return broken


async def _run(engine: str, seed: int, seconds: float, path: Path) -> Verdict:
    print(f"{engine}, seed {seed}, {path}")
    began = time.monotonic()
    async with STAGES[engine]() as stage:
        history = await storm(stage, seed=seed, seconds=seconds, path=path)
    print(f"{engine}: {time.monotonic() - began:.0f} s")
    for crash in stage.fleet.crashes:
        print(crash)
    return judge(history)


if __name__ == "__main__":
    sys.exit(main())
