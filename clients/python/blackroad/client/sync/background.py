"""The one event loop of all synchronous clients of a process, in a thread of its own."""

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, TypeVar

R = TypeVar("R")

THREAD: Final = "blackroad"
# What is still open when the process ends may take so long to close.
_LAST_SECONDS: Final = 2.0


class Background:
    """Runs coroutines for threads that wait for them.

    It begins with the first of them and is kept for the next: gRPC's calls belong to a loop, and
    what still comes for the calls of one that was closed would harm the others of the process. It
    keeps no process from ending. In a forked child it begins anew.
    """

    def __init__(self) -> None:
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def tasks(self) -> set[str]:
        """The names of what runs now."""
        return {task.get_name() for task in asyncio.all_tasks(self._running())}

    def start(self, work: Coroutine[object, object, R]) -> "Future[R]":
        """Begin a coroutine and do not wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._running())

    def run(self, work: Coroutine[object, object, R]) -> R:
        """Return what the coroutine does, or raise what it raises.

        Ctrl-C cancels the coroutine and is raised here. Raises RuntimeError in the background's own
        thread, where waiting for it would never end.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("a synchronous client cannot be used inside of its own callbacks")
        future = self.start(work)
        try:
            return future.result()
        finally:
            future.cancel()

    def end(self) -> None:
        """Let what runs come to its end, for 2 s at most, then stop. The next call begins anew."""
        thread, loop = self._thread, self._loop
        if thread is None or loop is None or not thread.is_alive():
            return
        with suppress(TimeoutError):
            self.start(_others_done()).result(_LAST_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_LAST_SECONDS)
        if not loop.is_running():
            loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._thread is None or self._loop is None or not self._thread.is_alive():
                loop = self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=loop.run_forever, name=THREAD, daemon=True)
                self._thread.start()
            return self._loop


async def _others_done() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others)


BACKGROUND: Final = Background()
atexit.register(BACKGROUND.end)
