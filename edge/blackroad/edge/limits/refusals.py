"""How a session hears that it asks too much: at most once a second, and of each request."""

import asyncio
from collections.abc import Callable
from typing import Final

from msgspec import UNSET, structs

from blackroad.edge.frames.server import Error

EVERY_SECONDS: Final = 1.0
MAX_WAITING: Final = 1000
CODE: Final = "rate_limited"


class Refusals:
    """Sends the first refusal at once, and all that come in the next second as one frame after it.

    That one has the `id` of the first of them and all their `ids`. Those without an id are answered
    by it, too. `too_many` is called for the 1,001st that waits.
    """

    __slots__ = ("_ids", "_last", "_send", "_timer", "_too_many")

    def __init__(self, send: Callable[[Error], None], too_many: Callable[[Error], None]) -> None:
        self._send = send
        self._too_many = too_many
        self._timer: asyncio.TimerHandle | None = None
        self._ids: list[str] = []
        self._last: Error | None = None

    def take(self, error: Error) -> None:
        """Tell of a refusal, now or with the next frame."""
        if self._timer is None:
            self._tell(error)
            return
        self._last = error
        if error.id is not None:
            self._ids.append(error.id)
            if len(self._ids) > MAX_WAITING:
                self.close()
                self._too_many(error)

    def close(self) -> None:
        """Tell nothing more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._ids, self._last = [], None

    def _tell(self, error: Error) -> None:
        self._timer = asyncio.get_running_loop().call_later(EVERY_SECONDS, self._tell_waiting)
        self._send(error)

    def _tell_waiting(self) -> None:
        ids, error = self._ids, self._last
        self._timer, self._ids, self._last = None, [], None
        if error is not None:
            several = ids if len(ids) > 1 else UNSET
            first = ids[0] if ids else None
            self._tell(structs.replace(error, id=first, ids=several, room=UNSET))
