"""What a WebSocket and a stream of events have in common: one way out, and one ending."""

import asyncio
from typing import TYPE_CHECKING, cast

from blackroad.edge.transport.handler import GONE, StreamHandler, Visit
from blackroad.edge.transport.unread import unread_bytes

if TYPE_CHECKING:
    from blackroad.edge.transport.process import Transport

LOST = 1006
SLOW_CONSUMER = 4413


class Outlet(asyncio.Protocol):
    """A connection that was handed over by uvicorn: no task, queue, scope or timer of its own.

    Not made by doors: see `WebSocketHandover.accept` and `SseStream`. All methods are for the event
    loop's thread, none raises because the peer has gone.
    """

    __slots__ = ("_closer", "_code", "_process", "_transport", "handler", "place", "visit")

    def __init__(
        self, process: "Transport", transport: asyncio.Transport | None, handler: StreamHandler
    ) -> None:
        self.handler = handler
        self._process = process
        self._transport = transport
        self._code: int | None = None
        self.place = -1
        """Its place in the wheel, kept by `Transport`."""
        self._closer: asyncio.TimerHandle | None = None
        self.visit: Visit | None = None
        """What counts for an address until it is over."""

    @property
    def closed(self) -> bool:
        """Say whether the ending has begun; `on_close` was called then."""
        return self._code is not None

    @property
    def backlogged(self) -> bool:
        """Say whether bytes wait in this process because the peer reads slowly."""
        return self in self._process.stalls

    @property
    def buffered(self) -> int:
        """Count the bytes that wait in this process."""
        return 0 if self._transport is None else self._transport.get_write_buffer_size()

    @property
    def unread(self) -> int:
        """Count the bytes that the peer has not taken, in this process or in the kernel."""
        return 0 if self._transport is None else unread_bytes(self._transport)

    @property
    def stalled_seconds(self) -> float:
        """Return for how long the backlog has not become smaller, to a tick; 0 without one."""
        return self._process.stalled_seconds(self)

    @property
    def peer(self) -> str:
        """Return the peer's address, empty where it has none."""
        if self._transport is None:
            return ""
        name = cast("tuple[str, int] | str | None", self._transport.get_extra_info("peername"))
        return name[0] if isinstance(name, tuple) else ""

    def write(self, data: bytes) -> None:
        """Write bytes in their wire form, at once as far as the kernel takes them.

        The rest waits here without bound: heed `on_backlog`. After the ending it does nothing.
        """
        if self._code is None and self._transport is not None:
            self._transport.write(data)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """End it, after what was written; idempotent. `on_close` comes before this returns.

        A peer that does not let it out within `Limits.write_seconds` is cut off.
        """
        raise NotImplementedError

    def abort(self) -> None:
        """Cut it off, now, whatever waits."""
        self._end(LOST)
        if self._transport is not None:
            self._transport.abort()

    def beat(self) -> None:
        """Take the turn in the wheel."""
        raise NotImplementedError

    def pause_writing(self) -> None:
        """Hear of the transport that the peer is slow."""
        if self._process.stall(self) and self._code is None:
            self.handler.on_backlog(True)

    def resume_writing(self) -> None:
        """Hear of the transport that all is written."""
        if self._process.unstall(self) and self._code is None:
            self.handler.on_backlog(False)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hear of the transport that it is over."""
        self._end(LOST)
        if self._closer is not None:
            self._closer.cancel()
            self._closer = None
        if self.visit is not None:
            self.visit.end()
            self.visit = None
        self._process.forget(self)
        self._transport = None

    def _end(self, code: int) -> bool:
        """Begin the ending; True for the first caller only."""
        if self._code is not None:
            return False
        self._code = code
        handler, self.handler = self.handler, GONE
        handler.on_close(code)
        return True

    def _shut(self) -> None:
        """Let out what waits, then close; cut off who does not take it in time."""
        if self._transport is None:
            return
        self._transport.close()
        self._cut_off_later()

    def _cut_off_later(self) -> None:
        if self._closer is None and self._transport is not None:
            loop = asyncio.get_running_loop()
            self._closer = loop.call_later(self._process.limits.write_seconds, self._cut_off)

    def _cut_off(self) -> None:
        self._closer = None
        if self._transport is not None:
            self._transport.abort()
