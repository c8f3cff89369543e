"""No promise is broken, whatever befalls a fleet and its engine."""

import os
from pathlib import Path
from typing import Final

import pytest

from tests.chaos.history import Opened
from tests.chaos.stages import STAGES
from tests.chaos.storm import judge, storm

EVENTS: Final = 200
SEEDS: Final = {"single": 353856, "sentinel": 964179, "cluster": 881789}
"""The same storm each time; `make soak` takes others."""
DOORS: Final = {"grpc", "websocket", "sse"}  # the SDK comes back by itself

pytestmark = [
    pytest.mark.slow,
    pytest.mark.redis,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("one_loop"),
]


@pytest.mark.parametrize("engine", STAGES)
async def test_no_promise_is_broken_whatever_befalls(engine: str, tmp_path: Path) -> None:
    seed = int(os.environ.get("CHAOS_SEED") or SEEDS[engine])
    print(f"\n{engine}, seed {seed}")
    async with STAGES[engine]() as stage:
        path = tmp_path / "history.jsonl"
        history = await storm(stage, seed=seed, seconds=0, path=path)
    verdict = judge(history)
    print(verdict)
    assert not verdict.broken, f"seed {seed}: {path}"
    assert not stage.fleet.crashes, stage.fleet.crashes[0][-20_000:]
    # That nothing was broken says nothing where nothing happened.
    assert verdict.faults.keys() == {fault.name for fault in stage.faults}
    assert verdict.counts["published"] > EVENTS
    assert verdict.counts["Received"] > 4 * verdict.counts["published"]
    assert {one.door for one in history if isinstance(one, Opened) and one.resumed} == DOORS
