"""Every case runs with little work and finds its counts right. Nothing is asked of speed."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks.cases.table import CASES
from benchmarks.harness.measure import Figure

ROOT = Path(__file__).parent.parent.parent


class Document(msgspec.Struct):
    """The part of the JSON that is looked at."""

    quick: bool
    figures: list[Figure]


@pytest.mark.bench
@pytest.mark.timeout(180)
@pytest.mark.parametrize("case", CASES)
def test_case_counts_right_and_writes_its_figures(case: str, tmp_path: Path) -> None:
    written = tmp_path / "figures.json"
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", case, "--quick", "--json", str(written)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    document = msgspec.json.decode(written.read_bytes(), type=Document)
    assert document.quick
    assert {figure.case for figure in document.figures} == {case}
    for figure in document.figures:
        assert figure.metric.name in ended.stdout
        assert len(figure.values) == 1, figure


def test_an_unknown_case_is_refused_by_name() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "fan-out"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "no such case: fan-out" in ended.stderr
