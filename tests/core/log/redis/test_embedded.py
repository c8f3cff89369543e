"""The embedded server: its data outlive it, and it does not outlive who started it."""

import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from blackroad.core.clock import SystemClock
from blackroad.core.log.base import Appended, Fence, GapReason
from blackroad.core.log.redis.embedded import NoServerError, embedded, socket_in
from blackroad.core.log.redis.log import RedisLog, RedisLogSettings
from tests.contract.log.steps import ROOM, catch_up, put, request, say, texts
from tests.servers import ask

OWNER = """
import asyncio, sys
from pathlib import Path
from blackroad.core.log.redis.embedded import embedded
async def main():
    async with embedded(Path(sys.argv[1])) as (address, incarnation):
        print("ready", flush=True)
        await asyncio.Event().wait()
asyncio.run(main())
"""


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[RedisLog]:
    """Return the log of a folder, with a server of its own."""
    async with embedded(folder) as (address, incarnation):
        log = RedisLog(RedisLogSettings(address, incarnation=incarnation), SystemClock())
        await log.open()
        try:
            yield log
        finally:
            await log.close()


async def until(reached: Callable[[], bool]) -> None:
    """Return once something is so."""
    async with asyncio.timeout(10):
        while not reached():  # noqa: ASYNC110 - no event says it
            await asyncio.sleep(0.01)


def listens(folder: Path) -> bool:
    """Tell whether a server has the folder's lock."""
    with (folder / "lock").open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


async def test_a_restart_keeps_channels_history_numbers_and_cursors(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        start = log.heads()
        first = await say(log, ROOM, "a", "b")
        after = log.heads()
        last = await put(log, request(ROOM, "c", fence=Fence(3), idempotency=("ada", "k")))
    async with opened(tmp_path) as log:
        assert log.missing([ROOM], start) is None
        assert texts(await catch_up(log, [ROOM], start)) == ["a", "b", "c"]
        assert texts(await catch_up(log, ["acme.>"], after)) == ["c"]
        assert texts((await log.history(ROOM, 10)).entries) == ["a", "b", "c"]
        assert await log.names("acme.>", "", 10) == [ROOM]
        again = await put(log, request(ROOM, "c", idempotency=("ada", "k")))
        assert again.duplicate
        assert again.position == last.position
        fenced = (await log.append([request(ROOM, "old", fence=Fence(2))]))[0]
        assert not isinstance(fenced, Appended)
        assert (await say(log, ROOM, "d")).first_offset == first.first_offset + 3
        assert texts(await catch_up(log, [ROOM], after)) == ["c", "d"]


async def test_when_the_machine_went_down_under_it_cursors_no_longer_hold(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        await say(log, ROOM, "a")
        after = log.heads()
    identifier = (tmp_path / "incarnation").read_text().split()[0]
    (tmp_path / "incarnation").write_text(f"{identifier} another-boot\n")
    async with opened(tmp_path) as log:
        assert log.missing([ROOM], after) is GapReason.EPOCH_CHANGED
        assert texts((await log.history(ROOM, 10)).entries) == ["a"]
    async with embedded(tmp_path) as (_, incarnation):
        assert incarnation != identifier


async def test_the_server_is_gone_when_who_started_it_was_killed(tmp_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", OWNER, tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    assert await owner.stdout.readline() == b"ready\n"
    assert listens(tmp_path)
    owner.kill()
    await owner.wait()
    await until(lambda: not listens(tmp_path))


async def say_until_taken(log: RedisLog, text: str) -> None:
    """Append an event again and again, with one key, until the log takes it."""
    async with asyncio.timeout(30):
        while True:
            (answer,) = await log.append([request(ROOM, text, idempotency=("ada", text))])
            if isinstance(answer, Appended):
                return
            await asyncio.sleep(0.05)


def server_pid(folder: Path) -> int:
    """Return the process of a folder's server, as it says itself."""
    said = ask(socket_in(folder), "INFO", "server")
    return int(said.split("process_id:")[1].split()[0])


async def test_a_server_that_dies_is_started_again_with_all_that_it_had(tmp_path: Path) -> None:
    async with opened(tmp_path) as log:
        start = log.heads()
        await say(log, ROOM, "a", "b")
        for text in ("c", "d"):
            former = server_pid(tmp_path)
            os.kill(former, signal.SIGKILL)
            await say_until_taken(log, text)
            assert server_pid(tmp_path) != former
        assert texts((await log.history(ROOM, 9)).entries) == ["a", "b", "c", "d"]
        assert log.missing([ROOM], start) is None
    assert not listens(tmp_path)


async def test_who_comes_second_waits_for_the_folder(tmp_path: Path) -> None:
    entered = asyncio.Event()

    async def second() -> None:
        async with embedded(tmp_path):
            entered.set()

    async with embedded(tmp_path):
        waiting = asyncio.create_task(second())
        await asyncio.sleep(0.1)
        assert not entered.is_set()
    await asyncio.wait_for(waiting, 10)


async def test_a_folder_that_cannot_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / ("x" * 120)):
        with pytest.raises(NoServerError):
            async with embedded(folder):
                pass


async def test_nobody_else_may_look_into_the_folder(tmp_path: Path) -> None:
    async with embedded(tmp_path / "data"):
        assert (tmp_path / "data").stat().st_mode & 0o77 == 0
        assert (tmp_path / "data" / "valkey.sock").stat().st_mode & 0o77 == 0
