"""Child processes of `up`: they tell where they are, end by one signal, and are never orphans."""

import asyncio
import os
import select
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable
from pathlib import Path
from typing import Protocol

import pytest

from blackroad.cli.parts.child import Child, ChildError

FLAGS = ("--grpc", "127.0.0.1:0", "--drain-seconds", "1", "--logging.level", "warning")
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("BLACKROAD")}

PARENT = """
import asyncio, os
from blackroad.cli.parts.child import Child

async def main():
    child = await Child.start("core", {flags!r}, os.environ)
    print(child.pid, *(await child.ready()).values(), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


async def gone(pid: int) -> None:
    """Return when a process, which need not be a child of ours, has ended."""
    async with asyncio.timeout(10):
        await asyncio.to_thread(_wait, pid)


def _wait(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([descriptor], [], [], 10)
    os.close(descriptor)


class Start(Protocol):
    """Starts a child with more flags."""

    def __call__(self, *flags: str) -> Awaitable[Child]: ...


@pytest.fixture
async def start() -> AsyncGenerator[Start]:
    """Give a way to start children, none of which outlives the test."""
    children: list[Child] = []

    async def start(*flags: str) -> Child:
        children.append(await Child.start("core", (*FLAGS, *flags), ENVIRON))
        return children[-1]

    yield start
    for child in children:
        await child.kill()


async def test_a_file_of_the_folder_is_not_taken_for_a_module(
    start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "structlog.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    child = await start()
    assert (await child.ready())["grpc"].startswith("127.0.0.1:")


async def test_a_child_tells_where_it_is_and_drains_when_asked(start: Start) -> None:
    child = await start()
    addresses = await child.ready()
    assert addresses["grpc"].startswith("127.0.0.1:")
    assert os.getpgid(child.pid) == child.pid
    child.drain()
    await child.end(10)
    assert await child.ended() == 0


async def test_a_child_that_cannot_start_is_told_with_its_status(start: Start) -> None:
    child = await start("--grpc", "nowhere")
    with pytest.raises(ChildError) as raised:
        await child.ready()
    assert raised.value.status == 2


async def test_a_child_that_does_not_drain_is_killed(start: Start) -> None:
    child = await start()
    await child.ready()
    os.kill(child.pid, signal.SIGSTOP)
    child.drain()
    await child.end(0.2)
    assert await child.ended() == 128 + signal.SIGKILL


async def test_a_child_dies_with_a_parent_that_was_killed() -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        PARENT.format(flags=FLAGS),
        env=ENVIRON,
        stdout=asyncio.subprocess.PIPE,
    )
    assert parent.stdout is not None
    async with asyncio.timeout(20):
        line = await parent.stdout.readline()
    child = int(line.split()[0])
    parent.kill()
    await parent.wait()
    await gone(child)


async def test_a_child_whose_parent_goes_while_it_starts_dies_too(start: Start) -> None:
    child = await start()
    child.abandon()
    async with asyncio.timeout(15):
        assert await child.ended() in (0, 1, 128 + signal.SIGTERM)
