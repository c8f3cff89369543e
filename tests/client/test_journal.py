"""What a worker keeps of what it has written."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from blackroad.client.journal import Journal


def ping(count: int) -> bytes:
    return b"ping %d" % count


def pings(frames: list[bytes]) -> list[int]:
    return [int(frame.split()[1]) for frame in frames if frame.startswith(b"ping")]


async def test_a_new_stream_begins_with_its_opening_then_what_may_be_lost_then_what_waits() -> None:
    journal = Journal(ping)
    journal.append(b"a")
    await journal.take()
    journal.append(b"b")
    journal.begin(b"register")
    assert await journal.take() == [b"register", b"a", b"b"]


async def test_an_opening_is_never_repeated() -> None:
    journal = Journal(ping)
    journal.begin(b"register 1")
    journal.append(b"a")
    journal.begin(b"register 2")
    assert await journal.take() == [b"register 2", b"a"]
    journal.begin(b"register 3")
    assert await journal.take() == [b"register 3", b"a"]


async def test_what_was_read_a_round_ago_is_forgotten() -> None:
    journal = Journal(ping)
    journal.begin(b"register")
    chunk = bytes(100 << 10)
    numbers: list[int] = []
    for _ in range(2):
        journal.append(chunk)
        numbers += pings(await journal.take())
        journal.pong(numbers[-1])
    journal.append(b"last")
    await journal.take()
    journal.begin(b"register")
    assert (await journal.take())[:3] == [b"register", chunk, b"last"]


async def test_what_is_kept_is_bounded() -> None:
    journal = Journal(ping, max_bytes=10)
    for number in range(8):
        journal.append(b"%d234" % number)
        await journal.take()
    journal.begin(b"register")
    assert await journal.take() == [b"register", b"6234", b"7234"]


class Receiver:
    """Reads in order and ignores what it has, as the core does with chunks."""

    def __init__(self) -> None:
        self.last = 0
        self.asked = 0
        self.under_way: list[bytes] = []

    def read(self) -> None:
        for frame in self.under_way:
            if frame.startswith(b"ping"):
                self.asked = int(frame.split()[1])
            elif frame != b"register" and int(frame) > self.last:
                assert int(frame) == self.last + 1
                self.last = int(frame)
        self.under_way = []


async def step(name: str, journal: Journal, receiver: Receiver) -> None:
    match name:
        case "take" if len(journal):
            receiver.read()
            receiver.under_way = await journal.take()
        case "pong":
            receiver.read()
            journal.pong(receiver.asked)
        case "cut":
            receiver.under_way = []
            journal.begin(b"register")
        case _:
            return


@settings(deadline=None)
@given(st.lists(st.sampled_from(["write", "take", "pong", "cut"]), max_size=60))
def test_no_cut_loses_a_frame_or_changes_the_order(steps: list[str]) -> None:
    async def run() -> None:
        journal, receiver, written = Journal(ping), Receiver(), 0
        journal.begin(b"register")
        for name in steps:
            if name == "write":
                written += 1
                journal.append(b"%d" % written + b" " * (70 << 10))
            await step(name, journal, receiver)
        receiver.read()
        while len(journal):
            await step("take", journal, receiver)
            receiver.read()
        assert receiver.last == written

    asyncio.run(run())
