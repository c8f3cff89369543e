"""`blackroad up`: one process tree that starts in order, serves, and dies with any of its parts."""

import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from pathlib import Path

import httpx
import pytest

from tests.journeys.tree import Tree, gone, starting, until

AGENTS = {"LUCIDIA", "ALICE", "OCTAVIA", "PRISM", "ECHO"}
SECRET = "a secret of thirty-two bytes, at least"


async def blackroad(tree: Tree, *arguments: str, token: str = "") -> tuple[int, str, str]:
    """Run a client command against the tree; return status, stdout, stderr."""
    process = await create_subprocess_exec(
        sys.executable,
        *("-m", "blackroad.cli", *arguments),
        env={"PATH": os.environ["PATH"], "BLACKROAD_URL": f"grpc://{tree.grpc}"}
        | ({"BLACKROAD_TOKEN": token} if token else {}),
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def ready(tree: Tree) -> None:
    """Return when /readyz is 200: the edge has reached its core."""
    await until(lambda: httpx.get(f"http://{tree.http}/readyz").status_code == 200)


async def test_up_serves_every_door_and_the_five_agents(tmp_path: Path) -> None:
    async with starting(tmp_path) as tree:
        await tree.up()
        assert set(tree.children()) == {"core", "agents", "edge"}
        await ready(tree)
        status, out, err = await blackroad(tree, "presence", "agent", "--json")
        assert status == 0, err
        assert {json.loads(line)["entity_id"] for line in out.splitlines()} >= AGENTS
        assert await blackroad(tree, "chat", "ECHO", "hello there") == (0, "hello there\n", "")
        status, out, _ = await blackroad(tree, "publish", "orders", "hi", "--json")
        assert (status, json.loads(out)["room"]) == (0, "orders")
        status, out, _ = await blackroad(tree, "nodes", "--json")
        node = json.loads(out)
        assert node["edges"] == 1
        assert node["workers"] >= len(AGENTS)


async def test_sigterm_drains_everything_and_exits_0(tmp_path: Path) -> None:
    async with starting(tmp_path) as tree:
        await tree.up()
        children = tree.children()
        tree.process.send_signal(signal.SIGTERM)
        assert await tree.ended() == 0
        for pid in children.values():
            await gone(pid)


async def test_sigint_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    async with starting(tmp_path) as tree:
        await until(lambda: bool(tree.children()))
        children = tree.children()
        tree.process.send_signal(signal.SIGINT)
        await tree.ended()
        for pid in children.values():
            await gone(pid)


async def test_a_killed_up_leaves_no_orphan(tmp_path: Path) -> None:
    async with starting(tmp_path) as tree:
        await tree.up()
        children = tree.children()
        tree.process.kill()
        assert await tree.ended() == -signal.SIGKILL
        for pid in children.values():
            await gone(pid)


@pytest.mark.parametrize("part", ["core", "agents", "edge"])
async def test_a_killed_part_ends_everything_with_its_status(part: str, tmp_path: Path) -> None:
    async with starting(tmp_path) as tree:
        await tree.up()
        children = tree.children()
        os.kill(children[part], signal.SIGKILL)
        assert await tree.ended() == 128 + signal.SIGKILL
        for pid in children.values():
            await gone(pid)


async def test_a_taken_port_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    async with starting(tmp_path) as first:
        await first.up()
        async with starting(tmp_path, "--grpc", first.grpc) as second:
            assert await second.ended() == 1
            assert second.process.stdout is not None
            said = (await second.process.stdout.read()).decode()
            assert f"cannot listen on {first.grpc}" in said
            assert "Traceback" not in said


async def test_with_a_secret_the_parts_get_tokens_of_their_own(tmp_path: Path) -> None:
    environ = {"BLACKROAD_AUTH__SECRET": SECRET}
    async with starting(tmp_path, environ=environ) as tree:
        await tree.up()
        await ready(tree)
        status, _, err = await blackroad(tree, "presence")
        assert status == 1
        assert "unauthenticated" in err
