"""No promise is broken, whatever befalls a fleet and its engine."""

import os
import random
from pathlib import Path

import pytest

from tests.chaos.stages import STAGES
from tests.chaos.storm import judge, storm

pytestmark = [
    pytest.mark.slow,
    pytest.mark.redis,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("one_loop"),
]


@pytest.mark.parametrize("engine", STAGES)
async def test_no_promise_is_broken_whatever_befalls(engine: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(10**6))
    print(f"\n{engine}, seed {seed}")
    async with STAGES[engine]() as stage:
        path = tmp_path / "history.jsonl"
        history = await storm(stage.fleet, stage.faults, seed=seed, seconds=0, path=path)
    verdict = judge(history)
    print(verdict)
    assert not verdict.broken, f"seed {seed}: {path}"
