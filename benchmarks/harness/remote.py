"""A process that does one thing at a time as it is told: a publisher, readers, a peer's server."""

import asyncio
import contextlib
import multiprocessing
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Final, Generic, Protocol, Self, TypeVar, cast

import uvloop

DEADLINE_SECONDS: Final = 120.0
END_SECONDS: Final = 5.0
STEP_SECONDS: Final = 0.5

Order = TypeVar("Order")
Answer = TypeVar("Answer")
SPAWN: Final = multiprocessing.get_context("spawn")


class Pipe(Protocol):
    """One end of a pipe between two processes, as multiprocessing makes it."""

    def send(self, obj: object, /) -> None:
        """Send any value."""
        ...

    def recv(self) -> object:
        """Await a value; EOFError where the other end is closed."""
        ...

    def send_bytes(self, buf: bytes, /) -> None:
        """Send bytes, told apart from those before and after."""
        ...

    def recv_bytes(self) -> bytes:
        """Await bytes; EOFError where the other end is closed."""
        ...

    def poll(self, timeout: float = 0.0) -> bool:
        """Say whether something has come, within so many seconds."""
        ...

    def fileno(self) -> int:
        """Return the descriptor, to wait for."""
        ...

    def close(self) -> None:
        """Close this end."""
        ...


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong in the other process."""

    text: str


class RemoteFailed(Exception):  # noqa: N818 - it is what happened
    """The other process could not do as it was told; the text is its traceback."""


class Remote(Generic[Order, Answer]):
    """Runs `main(pipe)` in a fresh process while the context lasts; it ends when the pipe does.

    `main` is a function of a module, or a partial of one.
    """

    def __init__(self, main: Callable[[Pipe], None]) -> None:
        ours, theirs = SPAWN.Pipe()
        self._pipe: Pipe = ours
        self._theirs: Pipe = theirs
        self._left = False
        self._process = SPAWN.Process(target=main, args=(theirs,), daemon=True)

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid or 0

    async def __aenter__(self) -> Self:
        self._process.start()
        self._theirs.close()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._left = True
        self._pipe.close()
        await asyncio.to_thread(self._process.join, END_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    async def ask(self, order: Order) -> Answer:
        """Send an order and return its answer.

        Raises `RemoteFailed`, also after two minutes without an answer.
        """
        return await asyncio.to_thread(self._ask, order)

    def _ask(self, order: Order) -> Answer:
        with contextlib.suppress(BrokenPipeError):  # it has failed already, and said why
            self._pipe.send(order)
        deadline = time.monotonic() + DEADLINE_SECONDS
        # In steps: who interrupts the run does not wait for an answer that nobody hears.
        while not self._pipe.poll(STEP_SECONDS):
            if self._left or time.monotonic() > deadline:
                raise RemoteFailed(f"no answer to {order!r} in {DEADLINE_SECONDS:.0f} s")
        try:
            answer = self._pipe.recv()
        except EOFError:
            raise RemoteFailed("it has ended") from None
        if isinstance(answer, Failure):
            raise RemoteFailed(answer.text)
        return cast("Answer", answer)


async def obey_beside(
    work: Coroutine[object, object, None], pipe: Pipe, do: Callable[[Order], Awaitable[Answer]]
) -> None:
    """Obey while something else is done, which ends with it."""
    async with asyncio.TaskGroup() as tasks:
        working = tasks.create_task(work)
        await obey(pipe, do)
        working.cancel()


async def obey(pipe: Pipe, do: Callable[[Order], Awaitable[Answer]]) -> None:
    """Do what comes by the pipe, one order after the other, until it ends."""
    while True:
        try:
            order = cast("Order", await asyncio.to_thread(pipe.recv))
        except EOFError:
            return
        answer: Answer | Failure
        try:
            answer = await do(order)
        except Exception:  # noqa: BLE001 - it is told to who asked, and raised there
            answer = Failure(traceback.format_exc())
        pipe.send(answer)


def run(main: Coroutine[object, object, None]) -> None:
    """Run the far end's coroutine on uvloop."""
    uvloop.run(main)
