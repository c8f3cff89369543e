"""The command as a user types it; what starts nothing, in this process."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
from typer.testing import CliRunner, Result

from blackroad.cli.main import app
from blackroad.core.identity.development import SECRET

NO_SETTINGS = {name: value for name, value in os.environ.items() if not name.startswith("BLACK")}


def blackroad(*arguments: str, folder: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "blackroad.cli", *arguments],
        cwd=folder,
        env=NO_SETTINGS | {"COLUMNS": "200"} | environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def asked(*arguments: str, folder: Path, **environ: str) -> Result:
    """Run a command that starts nothing: it need not load what this process has."""
    unset = {name: None for name in os.environ if name not in NO_SETTINGS}
    settings = unset | {"COLUMNS": "200"} | environ
    with contextlib.chdir(folder):
        return CliRunner().invoke(app, arguments, env=settings, color=False)


def test_help_names_every_command_and_imports_nothing_heavy(tmp_path: Path) -> None:
    run = blackroad("--help", folder=tmp_path)
    assert run.returncode == 0
    commands = """up core edge agents run token tap publish presence chat channels streams sessions
        disconnect revoke nodes explain config console bench doctor"""
    for command in commands.split():
        assert f" {command} " in run.stdout
    heavy = "import sys, blackroad.cli.main; print([m for m in ('grpc', 'pydantic', 'fastapi',"
    heavy += " 'blackroad.core.settings', 'blackroad.client.client') if m in sys.modules])"
    loaded = subprocess.run(
        [sys.executable, "-c", heavy], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"


def test_a_wrong_setting_ends_the_process_with_status_2(tmp_path: Path) -> None:
    run = blackroad("config", folder=tmp_path, BLACKROAD_GRCP="127.0.0.1:1")
    assert run.returncode == 2
    assert "BLACKROAD_GRCP = 127.0.0.1:1: there is no such setting" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("command", ["up", "core", "edge", "agents", "config"])
def test_a_wrong_setting_stops_every_command_with_status_2(command: str, tmp_path: Path) -> None:
    run = asked(command, folder=tmp_path, BLACKROAD_GRCP="127.0.0.1:1")
    assert run.exit_code == 2
    assert "BLACKROAD_GRCP = 127.0.0.1:1: there is no such setting" in run.stderr
    assert "did you mean BLACKROAD_GRPC?" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_public_core_without_keys_does_not_start(tmp_path: Path) -> None:
    run = blackroad("core", "--grpc", "0.0.0.0:0", folder=tmp_path)
    assert run.returncode == 2
    assert "needs keys" in run.stderr


def test_an_engine_that_is_not_there_is_refused_by_its_name(tmp_path: Path) -> None:
    run = blackroad("up", folder=tmp_path, BLACKROAD_LOG="kafka://localhost")
    assert run.returncode == 2
    assert "BLACKROAD_LOG = kafka://localhost: " in run.stderr


def test_config_tells_values_and_where_they_come_from(tmp_path: Path) -> None:
    (tmp_path / "blackroad.toml").write_text('node = "n1"')
    secret = "s" * 40
    run = asked("config", "--json", folder=tmp_path, BLACKROAD_AUTH__SECRET=secret)
    assert run.exit_code == 0, run.stderr
    rows = {row["name"]: row for row in map(json.loads, run.stdout.splitlines())}
    assert rows["node"] == {"name": "node", "value": "n1", "from": "node in blackroad.toml"}
    assert rows["grpc"]["from"] == "default"
    assert rows["auth.secret"]["value"] == "********"
    assert secret not in run.stdout


def test_token_makes_what_a_core_takes(tmp_path: Path) -> None:
    run = asked("token", "alice", "--grant", "task.>:subscribe,publish", folder=tmp_path)
    assert run.exit_code == 0, run.stderr
    claims = jwt.decode(run.stdout.strip(), SECRET, algorithms=["HS256"])
    assert (claims["sub"], claims["kind"], claims["tenant"]) == ("alice", "user", "default")
    assert claims["grants"] == [{"pattern": "task.>", "actions": ["publish", "subscribe"]}]


def test_token_is_signed_with_the_configured_secret(tmp_path: Path) -> None:
    secret = "s" * 40
    run = asked(
        "token", "edge-1", "--kind", "gateway", folder=tmp_path, BLACKROAD_AUTH__SECRET=secret
    )
    assert jwt.decode(run.stdout.strip(), secret, algorithms=["HS256"])["kind"] == "gateway"


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["--kind", "root"], ["--grant", "a b:publish"], ["--grant", "a:fly"]]
)
def test_a_token_that_no_core_takes_is_not_made(arguments: list[str], tmp_path: Path) -> None:
    run = blackroad("token", "alice", *arguments, folder=tmp_path)
    assert run.returncode == 2
    assert run.stdout == ""
    assert "Traceback" not in run.stderr


def test_a_core_that_is_away_is_told_in_one_line(tmp_path: Path) -> None:
    run = blackroad("nodes", "--url", "grpc://127.0.0.1:1", folder=tmp_path)
    assert run.returncode == 3
    assert run.stderr.startswith("error: ")
    assert "Traceback" not in run.stderr


def test_run_runs_a_file_with_this_python(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("import sys\nprint('mine')\nsys.exit(3)\n")
    run = blackroad("run", "mine.py", folder=tmp_path)
    assert (run.returncode, run.stdout) == (3, "mine\n")
    assert blackroad("run", "absent.py", folder=tmp_path).returncode == 2


@pytest.mark.slow
def test_doctor_finds_a_taken_address(tmp_path: Path) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        run = blackroad(
            "doctor", "--json", "--grpc", address, "--http", "127.0.0.1:0", folder=tmp_path
        )
    checks = {row["check"]: row for row in map(json.loads, run.stdout.splitlines())}
    assert run.returncode == 1
    assert not checks["--grpc"]["ok"]
    assert checks["--http"]["ok"]
    assert checks["settings"]["ok"]
