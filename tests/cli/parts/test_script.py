"""`run`: the agent of a file; with `--reload` again after a change, and nothing left in the end."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.processes import blackroad, command, part, running

AGENT = """
from blackroad.client import Agent

{name} = Agent("{NAME}")

@{name}.answer
async def answer(call):
    yield "hello"
"""
ONE = AGENT.format(name="mine", NAME="MINE")
TWO = ONE + AGENT.format(name="other", NAME="OTHER")
SCRIPT = "import time\nprint('{text}', flush=True)\ntime.sleep(60)\n"


async def test_a_changed_file_is_run_again_and_a_signal_ends_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(SCRIPT.format(text="one"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "blackroad.cli", "run", str(file), "--reload"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(30):
        assert await process.stdout.readline() == b"one\n"
        file.write_text(SCRIPT.format(text="two, and longer"))
        os.utime(file, (1, 1))
        assert await process.stdout.readline() == b"two, and longer\n"
        process.send_signal(signal.SIGTERM)
        assert await process.stdout.read() == b""  # the script's end of the pipe is closed too
        assert await process.wait() == 0


@pytest.mark.slow
@pytest.mark.parametrize("end", ["", "\nmine.run()\n"], ids=["found", "run by itself"])
def test_the_one_agent_of_a_file_is_served_once(tmp_path: Path, end: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(ONE + end)
    with part("core", GRPC="127.0.0.1:0") as core:
        url = f"grpc://{core.addresses['grpc']}"
        with running(command("run", str(file)), {"URL": url}) as process:
            process.wait_for("(MINE is ready)")
            assert blackroad("chat", "MINE", "x", URL=url).stdout == "hello\n"
            assert process.terminate() == 0
            assert process.output.count("is ready") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("print('hi')", "has no Agent"),
        (TWO, "has 2 agents, and runs none of them"),
    ],
)
def test_a_file_without_one_agent_to_serve_says_so(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(text)
    said = blackroad("run", str(file))
    assert said.returncode == 2
    assert f"{file} {why}" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_file_that_fails_is_told_as_python_does(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("import beside\nraise SystemExit(beside.STATUS)\n")
    (tmp_path / "beside.py").write_text("STATUS = 7\n")
    assert blackroad("run", str(file)).returncode == 7


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("def (", '  File "mine.py", line 1', "SyntaxError: invalid syntax"),
        (
            "x = 1\n1 / 0",
            "Traceback (most recent call last):",
            "ZeroDivisionError: division by zero",
        ),
    ],
)
def test_a_file_that_is_wrong_is_told_of_without_what_ran_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, first: str, last: str
) -> None:
    (tmp_path / "mine.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    ran = blackroad("run", "mine.py")
    lines = ran.stderr.splitlines()
    assert (ran.returncode, lines[0], lines[-1]) == (1, first, last)
    assert "runpy" not in ran.stderr


@pytest.mark.slow
def test_an_agent_that_may_not_be_called_so_is_told_in_a_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(AGENT.format(name="mine", NAME="my agent!"))
    with part("core", GRPC="127.0.0.1:0") as core:
        ran = blackroad("run", str(file), URL=f"grpc://{core.addresses['grpc']}")
    assert ran.returncode == 1
    assert "(invalid_name)" in ran.stderr
    assert "Traceback" not in ran.stderr
