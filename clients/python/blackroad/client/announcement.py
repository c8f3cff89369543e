"""The caller's own presence: here while a context lasts, kept across lost connections."""

import asyncio
import contextlib
from typing import Final, Self

from blackroad.client.codes import from_rejected
from blackroad.client.dial import Dial
from blackroad.client.errors import RealtimeError, Unavailable
from blackroad.client.event import JSONValue, to_json
from blackroad.client.link import Link
from blackroad.client.outbox import Outbox
from blackroad.client.presence import STATUS_NUMBERS, Status
from blackroad.client.wire import TRACK
from blackroad.realtime.v1 import common_pb2, presence_pb2

_ANNOUNCE: Final = "announce"
_GOODBYE_SECONDS: Final = 5.0


class Announcement:
    """An entry in the presence of the client's own identity; agents have theirs by serving.

    `async with` returns once it stands, and takes it away at once at the end. A lost connection
    announces again what was last said. Raises Rejected, Unauthenticated, Unavailable.
    """

    def __init__(
        self, dial: Dial, status: Status, metadata: JSONValue, patience_seconds: float
    ) -> None:
        self._dial = dial
        self._status: Status = status
        self._metadata = metadata
        self._patience_seconds = patience_seconds
        self._outbox = Outbox()
        self._link = Link(dial, TRACK, self, self._outbox)
        self._task: asyncio.Task[None] | None = None
        self._standing: asyncio.Future[None] | None = None

    async def __aenter__(self) -> Self:
        self._standing = asyncio.get_running_loop().create_future()
        self._task = asyncio.create_task(self._run(), name="blackroad announcement")
        try:
            async with asyncio.timeout(self._patience_seconds):
                await self._standing
        except BaseException as error:
            await self._end(0.0)
            if isinstance(error, TimeoutError):
                where = f"no core answers at {self._dial.target}"
                raise Unavailable("unavailable", where, retryable=True) from None
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        leave = presence_pb2.TrackRequest(leave=common_pb2.Leave())
        self._outbox.append(leave.SerializeToString())
        self._link.leave()
        await self._end(_GOODBYE_SECONDS if self._link.standing else 0.0)

    async def update(self, status: Status | None = None, metadata: JSONValue = None) -> None:
        """Change what is given, and leave the rest as it was."""
        self._status = status or self._status
        self._metadata = self._metadata if metadata is None else metadata
        if not self._link.standing:
            return
        change = presence_pb2.UpdatePresence()
        if status is not None:
            change.status = STATUS_NUMBERS[status]
        if metadata is not None:
            change.metadata_json = to_json(metadata)
        await self._outbox.put(presence_pb2.TrackRequest(update=change).SerializeToString())

    async def _run(self) -> None:
        over = await self._link.run()
        if self._standing is not None and not self._standing.done():
            self._standing.set_exception(over or Unavailable("cancelled", "it was left"))

    async def _end(self, seconds: float) -> None:
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await asyncio.wait([self._task])
            self._link.hang_up()
            await asyncio.wait([self._task])

    # The link's peer.

    def received(self, frame: presence_pb2.TrackResponse) -> None:
        """Take one frame."""
        match frame.WhichOneof("frame"):
            case "welcome":
                self._link.welcomed(frame.welcome)
            case "announced":
                if self._standing is not None and not self._standing.done():
                    self._standing.set_result(None)
            case "rejected" if frame.request_id == _ANNOUNCE:
                if self._standing is not None and not self._standing.done():
                    self._standing.set_exception(from_rejected(frame.rejected))
            case "closing":
                self._link.closing(frame.closing)
            case _:
                return

    def opened(self) -> None:
        """Announce what was last said."""
        announce = presence_pb2.Announce(
            status=STATUS_NUMBERS[self._status],
            metadata_json="" if self._metadata is None else to_json(self._metadata),
        )
        frame = presence_pb2.TrackRequest(request_id=_ANNOUNCE, announce=announce)
        self._outbox.clear()
        self._outbox.append(frame.SerializeToString())

    def lost(self, error: RealtimeError) -> None:
        """Announce again on the next stream; the core keeps the entry for a grace."""
