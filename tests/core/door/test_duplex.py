"""The writing half of a stream: who reads slowly is borne with, who reads no more is not."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from blackroad.core.door import duplex
from blackroad.core.door.duplex import Duplex
from blackroad.core.errors import Code, CodedError, Ending, Rejection
from blackroad.core.hub.group import Frame
from blackroad.core.outbox import Outbox

STALL_SECONDS = 0.6


class Client:
    """Sends nothing, and takes a frame each so many seconds; None: never again."""

    def __init__(self, pace_seconds: float | None) -> None:
        self._pace_seconds = pace_seconds
        self.took: asyncio.Queue[bytes] = asyncio.Queue()

    async def write(self, message: bytes) -> None:
        if self._pace_seconds is None:
            await asyncio.Event().wait()
        else:
            await asyncio.sleep(self._pace_seconds)
        self.took.put_nowait(message)

    async def requests(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""


class Silent:
    """A service that is asked nothing."""

    async def handle(self, request: bytes) -> None:
        raise NotImplementedError

    def reject(self, request: bytes, rejection: Rejection) -> None:
        raise NotImplementedError

    def closing(self, ending: CodedError | None) -> bytes:
        return b"closing"


def serving(client: Client) -> tuple[Duplex[bytes], Outbox[Frame]]:
    """Return a stream to a client, and what waits for it."""
    outbox: Outbox[Frame] = Outbox(b"".join, lambda frame: None)
    return Duplex(outbox, client, Silent()), outbox


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplex, "STALL_SECONDS", STALL_SECONDS)


async def test_who_takes_no_frame_for_so_long_is_ended() -> None:
    client = Client(pace_seconds=None)
    stream, outbox = serving(client)
    outbox.put(b"first")
    async with asyncio.timeout(10):
        with pytest.raises(Ending) as ended:
            await stream.run(client.requests())
    assert ended.value.code is Code.SLOW_CONSUMER
    assert client.took.empty()


async def test_who_takes_each_frame_in_time_may_be_slow_for_long() -> None:
    client = Client(pace_seconds=STALL_SECONDS / 4)
    stream, outbox = serving(client)
    outbox.put_all([bytes([number]) for number in range(6)])
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(stream.run(client.requests()))
        assert [await client.took.get() for _ in range(6)] == [bytes([n]) for n in range(6)]
        stream.end()
    assert await client.took.get() == b"closing"


async def test_who_is_slow_after_a_pause_has_all_the_time_again() -> None:
    client = Client(pace_seconds=STALL_SECONDS / 2)
    stream, outbox = serving(client)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        tasks.create_task(stream.run(client.requests()))
        for frame in (b"first", b"second"):
            outbox.put(frame)
            assert await client.took.get() == frame
            await asyncio.sleep(STALL_SECONDS * 0.7)
        stream.end()
    assert await client.took.get() == b"closing"
