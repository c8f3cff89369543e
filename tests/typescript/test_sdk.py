"""The TypeScript SDK: its own tests (vitest, real servers, Chromium), its types and its size.

Nothing here is skipped: who asks for these tests has the tools, or they fail.
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.processes import ROOT

pytestmark = [pytest.mark.node, pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]
HERE: Final = ROOT / "clients" / "typescript"


class Assertion(msgspec.Struct, rename="camel"):
    """One test of vitest's."""

    full_name: str
    status: str
    failure_messages: list[str] | None = None


class File(msgspec.Struct, rename="camel"):
    """A file of tests."""

    name: str
    status: str
    assertion_results: list[Assertion]
    message: str = ""


class Report(msgspec.Struct, rename="camel"):
    """What vitest says at its end."""

    test_results: list[File]


def run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words, cwd=HERE, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> list[Assertion]:
    """Run all of its tests once."""
    found: Path = tmp_path_factory.mktemp("vitest") / "report.json"
    ran = run(["node_modules/.bin/vitest", "run", "--reporter=json", f"--outputFile={found}"])
    assert found.exists(), ran.stdout + ran.stderr
    report = msgspec.json.decode(found.read_bytes(), type=Report)
    assert [file.message for file in report.test_results if file.status != "passed"] == [], (
        json.dumps(
            [
                each.failure_messages
                for file in report.test_results
                for each in file.assertion_results
                if each.status != "passed"
            ],
            indent=1,
        )
    )
    return [each for file in report.test_results for each in file.assertion_results]


def shown(results: list[Assertion], words: str) -> int:
    """Return how many tests with these words in their names there are; all have passed."""
    chosen = [each for each in results if words in each.full_name]
    assert [each.full_name for each in chosen if each.status != "passed"] == []
    return len(chosen)


def test_all_of_its_tests_pass(results: list[Assertion]) -> None:
    assert shown(results, "") > 30


def test_g067_it_resubscribes_and_leaks_nothing_over_a_thousand_reconnects(
    results: list[Assertion],
) -> None:
    assert shown(results, "G067") == 3


def test_g069_listeners_hear_typed_events_also_over_sse(results: list[Assertion]) -> None:
    assert shown(results, "publishes and follows, by iterator and by listener") == 2
    assert shown(results, "falls back to SSE") == 1


def test_g072_stream_chat_reads_what_the_network_cuts_anywhere(results: list[Assertion]) -> None:
    assert shown(results, "G072") == 2


def test_g093_it_does_not_give_up(results: list[Assertion]) -> None:
    assert shown(results, "G093") == 3


def test_g094_it_waits_with_full_jitter(results: list[Assertion]) -> None:
    assert shown(results, "G094") == 1


def test_no_event_is_missed_or_doubled_over_random_cuts(results: list[Assertion]) -> None:
    assert shown(results, "misses nothing and doubles nothing over random cuts") == 2


def test_eight_tabs_share_a_stream(results: list[Assertion]) -> None:
    assert shown(results, "eight tabs") == 1


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("by its bookmark", 1),
        ("when the clock jumps while the token is in use", 1),
        ("does not ask in a circle when its clock is ahead", 1),
        ("when its clock was behind", 1),
        ("goes on with an answer that waited while the network was cut", 2),
        ("goes on in another client, by a cursor and by a snapshot", 2),
        ("goes to SSE while WebSockets are blocked, and returns", 1),
        ("says how one is, with metadata, also on the connections after it", 1),
        ("is away while nobody looks at the page", 1),
        ("shows everybody who is here where nobody is asked for in particular", 2),
        ("carries bytes as they are", 2),
        ("is rendered on a server", 1),
        ("comes back no sooner than it is told", 1),
        ("does not come back after", 4),
        ("does not come back with a token that no browser can send", 1),
        ("leaks no timer, listener or socket over 1,000 reconnects", 1),
    ],
)
def test_what_is_promised_has_its_test(words: str, count: int, results: list[Assertion]) -> None:
    assert shown(results, words) == count


@pytest.mark.parametrize("script", ["types", "lint", "size", "build"])
def test_it_is_typed_tidy_small_and_builds(script: str, capsys: pytest.CaptureFixture[str]) -> None:
    ran = run(["npm", "run", "--silent", script])
    assert ran.returncode == 0, ran.stdout + ran.stderr
    if script == "size":
        assert ran.stdout.count(" bytes of 15360") == 3
        with capsys.disabled():
            print(f"\n{ran.stdout.rstrip()}")


USER: Final = """
import { type Published, RealtimeClient } from '@blackroad/realtime';
import { useChannel, useConnection } from '@blackroad/realtime/react';

const client = new RealtimeClient({ clientId: 'ann' });
const say = (text: string): Promise<Published> => client.publish('room', text);
console.log(typeof say, client.state, typeof useChannel, typeof useConnection);
"""


def test_another_project_installs_it_as_the_page_says(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "typescript.md").read_text()
    install, *lines = page.partition("```sh\n")[2].partition("```")[0].splitlines()
    clone, project = tmp_path / "clone", tmp_path / "my-app"
    copied = clone / "clients" / "typescript"
    shutil.copytree(HERE, copied, ignore=shutil.ignore_patterns("node_modules", "dist"))
    assert install.startswith("npm ci ")  # what CI does anyway
    (copied / "node_modules").symlink_to(HERE / "node_modules")
    project.mkdir()
    (project / "package.json").write_text('{"type": "module"}')
    for line in lines:
        ran = subprocess.run(["bash", "-c", line], cwd=clone, capture_output=True, check=False)
        assert ran.returncode == 0, ran.stderr
    (project / "node_modules" / "@types").mkdir()
    for name in ("react", "@types/react"):
        (project / "node_modules" / name).symlink_to(HERE / "node_modules" / name)
    (project / "user.ts").write_text(USER)
    options = ["--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom"]
    tsc = [str(HERE / "node_modules" / ".bin" / "tsc"), *options, "user.ts"]
    made = subprocess.run(tsc, cwd=project, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout
    node = subprocess.run(["node", "user.js"], cwd=project, capture_output=True, check=False)
    assert node.stdout == b"function idle function function\n", node.stderr
