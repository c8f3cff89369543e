"""Who is here: one look, or a look and every change after it."""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

import grpc
import orjson

from blackroad.client.codes import from_closing, from_rejected, from_status
from blackroad.client.dial import Dial, Stream
from blackroad.client.errors import Ended, RealtimeError, Unavailable
from blackroad.client.event import KIND_NUMBERS, JSONValue, kind_word
from blackroad.client.pause import Pause
from blackroad.client.wire import TRACK
from blackroad.realtime.v1 import common_pb2, presence_pb2

log = logging.getLogger("blackroad.client")

Status = Literal["online", "away", "busy", "offline"]
_STATUSES: Final[dict[presence_pb2.PresenceStatus.ValueType, Status]] = {
    presence_pb2.PRESENCE_STATUS_ONLINE: "online",
    presence_pb2.PRESENCE_STATUS_AWAY: "away",
    presence_pb2.PRESENCE_STATUS_BUSY: "busy",
    presence_pb2.PRESENCE_STATUS_OFFLINE: "offline",
}
STATUS_NUMBERS: Final = {status: number for number, status in _STATUSES.items()}
_PAGE: Final = 500
_WATCH: Final = "1"


@dataclass(frozen=True, slots=True)
class PresenceSession:
    """One session of an entity; capabilities, max_concurrency and active are a worker's."""

    session_id: str
    status: Status
    capabilities: tuple[str, ...]
    max_concurrency: int
    active: int
    node: str


@dataclass(frozen=True, slots=True)
class Presence:
    """The record of one entity, as it stands."""

    entity_id: str
    entity_type: str
    status: Status
    last_seen: datetime
    metadata: JSONValue
    sessions: tuple[PresenceSession, ...]
    version: int


class PresenceQuery:
    """Await it for the list of who is here; iterate it for that and then every change.

    Iteration gives each record as it now stands; one that went away has status `offline`. After a
    lost connection it gives what has changed meanwhile. It ends only by being left, or by an error:
    Forbidden, Unauthenticated.
    """

    def __init__(
        self,
        dial: Dial,
        timeout_seconds: float,
        entity_type: str = "",
        entity_id: str = "",
        channel: str = "",
        status: Status | None = None,
    ) -> None:
        if entity_type and entity_type not in KIND_NUMBERS:
            raise ValueError(f"entity_type is one of {', '.join(KIND_NUMBERS)}: {entity_type!r}")
        self._dial = dial
        self._timeout_seconds = timeout_seconds
        self._kind = KIND_NUMBERS.get(entity_type, common_pb2.ENTITY_KIND_UNSPECIFIED)
        self._entity_id = entity_id
        self._channel = channel
        self._status: Status | None = status

    def __await__(self) -> Generator[object, None, list[Presence]]:
        return self._list().__await__()

    def __aiter__(self) -> AsyncIterator[Presence]:
        return self._watch()

    async def _list(self) -> list[Presence]:
        if self._entity_id:
            one = presence_pb2.GetPresenceRequest(entity_type=self._kind, entity_id=self._entity_id)
            answer = await self._dial.unary(
                "PresenceService/GetPresence",
                one,
                presence_pb2.GetPresenceResponse.FromString,
                self._timeout_seconds,
            )
            return [read_presence(answer.presence)]
        return await self._pages()

    async def _pages(self) -> list[Presence]:
        found: list[Presence] = []
        request = presence_pb2.ListPresenceRequest(
            entity_type=self._kind, page_size=_PAGE, channel=self._channel
        )
        if self._status is not None:
            request.status = STATUS_NUMBERS[self._status]
        while True:
            page = await self._dial.unary(
                "PresenceService/ListPresence",
                request,
                presence_pb2.ListPresenceResponse.FromString,
                self._timeout_seconds,
            )
            found.extend(map(read_presence, page.entities))
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return found

    async def _watch(self) -> AsyncIterator[Presence]:
        view = _View()
        pause = Pause(self._dial)
        while True:
            turn = self._dial.turn
            try:
                await self._dial.identify()
            except Ended as failed:
                if self._dial.is_final(failed):
                    raise
                await pause.rest(turn, failed.retry_after_seconds)
                continue
            call = self._dial.open(TRACK, view)
            self._dial.keep(view)
            error: RealtimeError = Unavailable("unavailable", "the core ended the stream")
            try:
                await call.write(TRACK.hello)
                await call.write(self._request())
                view.call = call
                while isinstance(frame := await call.read(), presence_pb2.TrackResponse):
                    view.take(frame)
                    while view.news:
                        pause.worked()
                        yield view.news.popleft()
            except grpc.aio.AioRpcError as failed:
                error = from_status(failed)
            except asyncio.InvalidStateError:
                # Written on a stream that is over already: no core was there.
                pass
            finally:
                view.call = None
                call.cancel()
                self._dial.release(view)
            error = view.ended or error
            if self._dial.is_final(error):
                raise error
            log.warning("presence: %s; trying again", error)
            await pause.rest(turn, error.retry_after_seconds)

    def _request(self) -> bytes:
        watch = presence_pb2.Watch(entity_type=self._kind, entity_id=self._entity_id)
        return presence_pb2.TrackRequest(request_id=_WATCH, watch=watch).SerializeToString()


class _View:
    """The records as last told, so that each snapshot gives only what is new."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], Presence] = {}
        self._snapshot: dict[tuple[str, str], Presence] = {}
        self.news: deque[Presence] = deque()
        self.ended: RealtimeError | None = None
        self.call: Stream | None = None

    async def show(self, token: str) -> None:
        """Show a fresh token on the stream; called by the refresher."""
        if self.call is not None:
            await self.call.write(TRACK.refresh(token))

    def take(self, frame: presence_pb2.TrackResponse) -> None:
        match frame.WhichOneof("frame"):
            case "snapshot":
                self._page(frame.snapshot)
            case "changes":
                for change in frame.changes.changes:
                    self._tell(read_presence(change.presence))
            case "rejected" if frame.request_id == _WATCH:
                raise from_rejected(frame.rejected)
            case "rejected":
                error = from_rejected(frame.rejected)
                log.warning("presence: a fresh token was refused: %s", error)
            case "closing":
                self.ended = from_closing(frame.closing)
            case _:
                return

    def _page(self, page: presence_pb2.PresenceSnapshot) -> None:
        for each in map(read_presence, page.entities):
            self._snapshot[each.entity_type, each.entity_id] = each
        if not page.complete:
            return
        whole, self._snapshot = self._snapshot, {}
        for key in [key for key in self._versions if key not in whole]:
            self.news.append(_offline(self._versions.pop(key)))
        for each in whole.values():
            self._tell(each)

    def _tell(self, presence: Presence) -> None:
        key = presence.entity_type, presence.entity_id
        known = self._versions.get(key)
        if known is not None and known == presence:
            return
        if presence.status == "offline":
            self._versions.pop(key, None)
        else:
            self._versions[key] = presence
        self.news.append(presence)


def _offline(last: Presence) -> Presence:
    return Presence(
        last.entity_id, last.entity_type, "offline", last.last_seen, last.metadata, (), last.version
    )


def read_presence(presence: presence_pb2.Presence) -> Presence:
    """Return the record that a wire message is."""
    metadata: JSONValue = orjson.loads(presence.metadata_json) if presence.metadata_json else {}
    return Presence(
        entity_id=presence.entity_id,
        entity_type=kind_word(presence.entity_type),
        status=_STATUSES.get(presence.status, "offline"),
        last_seen=presence.last_seen_time.ToDatetime(UTC),
        metadata=metadata,
        sessions=tuple(map(_read_session, presence.sessions)),
        version=presence.version,
    )


def _read_session(session: presence_pb2.PresenceSession) -> PresenceSession:
    return PresenceSession(
        session_id=session.session_id,
        status=_STATUSES.get(session.status, "offline"),
        capabilities=tuple(session.capabilities),
        max_concurrency=session.max_concurrency,
        active=session.active,
        node=session.node,
    )
