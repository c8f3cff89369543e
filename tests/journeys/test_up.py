"""`blackroad up`: one process tree that starts in order, serves, and dies with any of its parts."""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterable
from pathlib import Path

import httpx
import pytest

from tests.plain import TRUSTS_NOBODY
from tests.processes import (
    Installation,
    Process,
    alive,
    blackroad,
    parts_of,
    starting_up,
    up,
    wait_until,
)

AGENTS = {"LUCIDIA", "ALICE", "OCTAVIA", "PRISM", "ECHO"}
SECRET = "a secret of thirty-two bytes, at least"


def asked(installation: Installation, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a client command against the installation."""
    return blackroad(*arguments, URL=f"grpc://{installation.grpc}")


def ready(http: str) -> bool:
    """Tell whether an edge says that it is ready."""
    try:
        return httpx.get(f"http://{http}/readyz", verify=TRUSTS_NOBODY).status_code == 200
    except httpx.TransportError:
        return False


def agents_when_ready(http: str) -> set[str]:
    """Return the agents that are listed in the first moment in which /readyz is 200."""
    wait_until(lambda: ready(http), 60)
    items = httpx.get(f"http://{http}/v1/agents", verify=TRUSTS_NOBODY).json()["items"]
    return {item["entity_id"] for item in items}


def all_gone(pids: Iterable[int]) -> None:
    """Wait until these processes have ended."""
    wait_until(lambda: not any(alive(pid) for pid in pids), 20)


def taken() -> socket.socket:
    """Return a socket that has its port for itself."""
    return socket.create_server(("127.0.0.1", 0))


def last_line(process: Process) -> str:
    return process.output.rstrip().rpartition("\n")[2]


def test_up_serves_every_door_and_the_five_agents() -> None:
    with up() as installation:
        assert set(parts_of(installation.process.pid)) == {"core", "agents", "edge"}
        said = asked(installation, "presence", "agent", "--json")
        assert {json.loads(line)["entity_id"] for line in said.stdout.splitlines()} >= AGENTS
        said = asked(installation, "chat", "ECHO", "hello there")
        assert (said.returncode, said.stdout, said.stderr) == (0, "hello there\n", "")
        said = asked(installation, "chat", "NOPE", "x")
        assert (said.returncode, said.stdout) == (1, "")
        assert said.stderr.startswith("error: ")
        said = asked(installation, "publish", "orders", "hi", "--json")
        assert json.loads(said.stdout)["room"] == "orders"
        node = json.loads(asked(installation, "nodes", "--json").stdout)
        assert node["edges"] == 1
        assert node["workers"] >= len(AGENTS)


@pytest.mark.slow
def test_whoever_finds_it_ready_finds_all_five_agents() -> None:
    with taken() as port:
        http = "{}:{}".format(*port.getsockname())
    with starting_up(HTTP=http):
        assert agents_when_ready(http) >= AGENTS


@pytest.mark.slow
def test_sigterm_drains_everything_and_exits_0() -> None:
    with up() as installation:
        children = parts_of(installation.process.pid)
        assert installation.process.terminate(30) == 0
        all_gone(children.values())


@pytest.mark.slow
def test_sigint_while_it_starts_leaves_nothing() -> None:
    with starting_up() as process:
        wait_until(lambda: bool(parts_of(process.pid)))
        children = parts_of(process.pid)
        process.signal(signal.SIGINT)
        process.wait(30)
        all_gone(children.values())


def test_a_killed_up_leaves_no_orphan() -> None:
    with up() as installation:
        children = parts_of(installation.process.pid)
        installation.process.signal(signal.SIGKILL)
        assert installation.process.wait() == -signal.SIGKILL
        all_gone(children.values())


@pytest.mark.slow
@pytest.mark.parametrize("part", ["core", "agents", "edge"])
def test_a_killed_part_ends_everything_with_its_status(part: str) -> None:
    with up() as installation:
        children = parts_of(installation.process.pid)
        os.kill(children[part], signal.SIGKILL)
        assert installation.process.wait(30) == 128 + signal.SIGKILL
        all_gone(children.values())


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["HTTP", "GRPC"])
def test_the_last_line_says_which_setting_has_a_port_that_is_taken(setting: str) -> None:
    with taken() as port:
        address = "{}:{}".format(*port.getsockname())
        with starting_up(**{setting: address}) as process:
            assert process.wait(30) == 1
            said = last_line(process)
            assert f"BLACKROAD_{setting}" in said
            assert f"cannot listen on {address}" in said
            assert "Traceback" not in process.output


@pytest.mark.slow
def test_a_missing_file_of_agents_is_told_before_anything_starts(tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere.toml")
    with starting_up(AGENTS=missing) as process:
        assert process.wait(30) == 2
        assert "BLACKROAD_AGENTS" in last_line(process)
        assert missing in last_line(process)
        assert "core.ready" not in process.output


@pytest.mark.slow
def test_the_start_says_the_default_model_once() -> None:
    with up() as installation:
        assert installation.process.output.count("the default model is") == 1


@pytest.mark.slow
def test_with_a_secret_the_parts_get_tokens_of_their_own() -> None:
    with up(AUTH__SECRET=SECRET) as installation:
        wait_until(lambda: ready(installation.http))
        said = asked(installation, "presence")
        assert said.returncode == 4
        assert "unauthenticated" in said.stderr
