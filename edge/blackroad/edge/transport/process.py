"""What the sockets of one process share: limits, the wheel, who is open, who stands still."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from blackroad.edge.transport.handler import Admission
from blackroad.edge.transport.http import HttpProtocol
from blackroad.edge.transport.limits import Limits
from blackroad.edge.transport.outlet import SLOW_CONSUMER, Outlet
from blackroad.edge.transport.socket import Socket
from blackroad.edge.transport.sse import SseStream
from blackroad.edge.transport.wheel import Ring

Farewell = Callable[[Socket | SseStream], None]
Spared = Callable[[Socket | SseStream], bool]
DRAINING = 1012
TICK_SECONDS = 1.0
"""Time is counted in turns: after a pause of this process nobody is blamed for its length."""
_BATCHES_PER_SECOND = 10
_SWEEP_TICKS = 10


@dataclass(slots=True)
class Stall:
    """How far a backlog got."""

    least: int
    since_tick: int
    """When it was last seen to become smaller."""


class Transport:
    """What the sockets of one process and loop share; the package's page has the order of calls."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.admission: Admission | None = None
        self.stalls: dict[Outlet, Stall] = {}
        self._held: list[Socket] = []
        self._sockets = Ring[Socket](self.limits.ping_seconds)
        self._streams = Ring[SseStream](self.limits.comment_seconds)
        self._ticks = 0
        self._timer: asyncio.TimerHandle | None = None
        self._open = 0
        self._emptied = asyncio.Event()

    def __len__(self) -> int:
        """Count the sockets and streams whose connection stands, also those that are closing."""
        return self._open

    def http_protocol(self) -> type[HttpProtocol]:
        """Return the class for `uvicorn.Config(http=…)`, with these limits and this wheel."""
        return type("BoundHttpProtocol", (HttpProtocol,), {"process": self})

    def start(self) -> None:
        """Set the wheel going on the running loop; idempotent."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._turn)

    async def drain(
        self, farewell: Farewell, seconds: float, spared: Spared = lambda _: False
    ) -> None:
        """End everything that is open with 1012, in batches spread over so many seconds.

        `farewell` is called for each just before, and may write and close. Who came meanwhile is
        ended too; who is `spared`, as soon as that is over. It returns when every connection is
        gone, at most `Limits.write_seconds` after the last batch.
        """
        while self._open:
            batch_count = max(1, round(seconds * _BATCHES_PER_SECOND))
            everyone = self._everyone()
            told = [outlet for outlet in everyone if not spared(outlet)]
            size = max(1, -(-len(told) // batch_count))
            for start in range(0, len(told), size):
                for outlet in told[start : start + size]:
                    _dismiss(outlet, farewell)
                if start + size < len(told):
                    await asyncio.sleep(1 / _BATCHES_PER_SECOND)
            if len(told) < len(everyone):
                await asyncio.sleep(1 / _BATCHES_PER_SECOND)
            else:
                await self._emptied.wait()
            seconds = 0.0

    def close(self) -> None:
        """Stop the wheel and cut off who is still there; idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for outlet in self._everyone():
            outlet.abort()

    def tick(self) -> None:
        """Do what is due each second: ping, comment, close who is late or stands still."""
        self._ticks += 1
        for socket in self._sockets.due(self._ticks - self.limits.pong_seconds):
            socket.expect_pong()
        for socket in self._sockets.due(self._ticks):
            socket.beat()
        for stream in self._streams.due(self._ticks):
            stream.beat()
        self._watch_stalls()
        held, self._held = self._held, []
        for socket in held:
            socket.go_on()
        if self.admission is not None and not self._ticks % _SWEEP_TICKS:
            self.admission.sweep()

    @property
    def ticks(self) -> int:
        """How many seconds the wheel has turned."""
        return self._ticks

    def hold(self, socket: Socket) -> None:
        """Call `go_on` with the next tick: it has read what it may read in this one."""
        self._held.append(socket)

    def adopt(self, outlet: Socket | SseStream) -> None:
        """Take in a connection that was handed over; its protocol is set already."""
        self._open += 1
        self._emptied.clear()
        if isinstance(outlet, Socket):
            outlet.place = self._sockets.add(outlet)
        else:
            outlet.place = self._streams.add(outlet)

    def forget(self, outlet: Outlet) -> None:
        """Let go of a connection that is gone; idempotent."""
        self.stalls.pop(outlet, None)
        if outlet.place < 0:
            return
        if isinstance(outlet, Socket):
            self._sockets.discard(outlet, outlet.place)
        elif isinstance(outlet, SseStream):
            self._streams.discard(outlet, outlet.place)
        outlet.place = -1
        self._open -= 1
        if not self._open:
            self._emptied.set()

    def stall(self, outlet: Outlet) -> bool:
        """Note that a backlog began; False where one stood already."""
        if outlet in self.stalls:
            return False
        self.stalls[outlet] = Stall(outlet.unread, self._ticks)
        return True

    def unstall(self, outlet: Outlet) -> bool:
        """Note that a backlog is gone; False where there was none."""
        return self.stalls.pop(outlet, None) is not None

    def stalled_seconds(self, outlet: Outlet) -> float:
        """Return for how long its backlog has not become smaller."""
        stall = self.stalls.get(outlet)
        return 0.0 if stall is None else (self._ticks - stall.since_tick) * TICK_SECONDS

    def _turn(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._turn)
        self.tick()

    def _watch_stalls(self) -> None:
        for outlet, stall in list(self.stalls.items()):
            left = outlet.unread
            if left <= stall.least - self.limits.progress_bytes:
                stall.least, stall.since_tick = left, self._ticks
            elif self.stalled_seconds(outlet) >= self.limits.stall_seconds:
                outlet.close(SLOW_CONSUMER, "slow consumer")

    def _everyone(self) -> list[Socket | SseStream]:
        return [*self._sockets, *self._streams]


def _dismiss(outlet: Socket | SseStream, farewell: Farewell) -> None:
    if not outlet.closed:
        farewell(outlet)
        outlet.close(DRAINING, "draining")
