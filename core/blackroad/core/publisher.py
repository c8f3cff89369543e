"""The one way into the log.

What clients publish is checked here, what the server says is encoded here.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from blackroad.core.channel.directory import Directory
from blackroad.core.clock import Clock
from blackroad.core.draft import check_label, record_of
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.ids import event_id
from blackroad.core.log.base import (
    MAX_APPEND_BYTES,
    MAX_APPEND_EVENTS,
    Append,
    Appended,
    Keep,
    Log,
)
from blackroad.core.log.record import Record
from blackroad.core.names import check_name
from blackroad.realtime.v1 import channel_pb2, event_pb2

REPLICATED = channel_pb2.DURABILITY_REPLICATED
_JSON = msgspec.json.Encoder()


class Place(NamedTuple):
    """A channel to which somebody may publish, and how much history it keeps."""

    name: str
    key: str
    keep: Keep


class Publisher:
    """Checks, encodes and appends."""

    def __init__(self, log: Log, directory: Directory, clock: Clock) -> None:
        self._log = log
        self._directory = directory
        self._clock = clock
        # Told with whose rights events are published on a channel, before they are appended.
        self.spoken: Callable[[Identity, str, Sequence[Record]], None] = _unheard
        # Counts how many events somebody publishes, and may refuse them.
        self.charge: Callable[[Identity, int], None] = lambda identity, count: None

    async def publish(
        self, identity: Identity, session_id: str, request: channel_pb2.PublishRequest
    ) -> channel_pb2.PublishResponse:
        """Append what a client publishes, all or none.

        Raises `Rejection`: certainly not in the log, but for UNKNOWN, where it may be.
        """
        (result,) = await self.publish_each(identity, session_id, [request])
        if isinstance(result, Rejection):
            raise result
        response = channel_pb2.PublishResponse()
        tell(response, request.channel, result)
        return response

    async def publish_each(
        self, identity: Identity, session_id: str, requests: Sequence[channel_pb2.PublishRequest]
    ) -> list[Appended | Rejection]:
        """Append what a client publishes at once, in this order; each all or none, by itself.

        A refusal is as of `publish`.
        """
        places: dict[str, Place] = {}  # nobody's rights change meanwhile: checked once a channel
        prepared = [self._prepare(identity, session_id, request, places) for request in requests]
        appends = [one for one in prepared if not isinstance(one, Rejection)]
        appended = iter(await self._log.append(appends)) if appends else iter(())
        return [one if isinstance(one, Rejection) else next(appended) for one in prepared]

    def _prepare(
        self,
        identity: Identity,
        session_id: str,
        request: channel_pb2.PublishRequest,
        places: dict[str, Place],
    ) -> Append | Rejection:
        """Return what is to be appended, or why it is not."""
        try:
            name = check_name(_required(request.channel, "channel"))
            self._check(identity, name, request)
            if name not in places:
                places[name] = self._place(identity, name)
            return self._append(identity, session_id, places[name], request)
        except Rejection as rejection:
            return rejection

    def _check(self, identity: Identity, name: str, request: channel_pb2.PublishRequest) -> None:
        """Raise where a publish is not one; count its events."""
        count = len(request.events)
        if not count:
            raise Rejection(Code.MISSING_FIELD, "a publish needs at least one event", channel=name)
        if count > MAX_APPEND_EVENTS:
            raise Rejection(
                Code.TOO_LARGE, f"at most {MAX_APPEND_EVENTS} events at once", channel=name
            )
        if request.durability == REPLICATED and not self._log.replicates:
            raise Rejection(Code.UNIMPLEMENTED, "this engine has no replicas", channel=name)
        self.charge(identity, count)

    def _place(self, identity: Identity, name: str) -> Place:
        policy = self._directory.check_publish(identity, name)
        return Place(name, identity.key(name), policy.keep)

    def _append(
        self,
        identity: Identity,
        session_id: str,
        place: Place,
        request: channel_pb2.PublishRequest,
    ) -> Append:
        records = [
            record_of(draft, place.name, identity, session_id, self._clock)
            for draft in request.events
        ]
        if sum([record.size for record in records]) > MAX_APPEND_BYTES:
            raise Rejection(Code.TOO_LARGE, "at most 1 MiB at once", channel=place.name)
        self.spoken(identity, place.name, records)
        key = check_label(request.idempotency_key, "idempotency_key")
        expected = request.expected_offset if request.HasField("expected_offset") else None
        return Append(
            place.key,
            records,
            keep=place.keep,
            expected_offset=expected,
            idempotency=(identity.subject, key) if key else None,
            replicated=request.durability == REPLICATED,
        )

    def record(
        self,
        name: str,
        event_type: str,
        *,
        sender: str = "",
        kind: Kind | None = None,
        json: object = None,
        text: str | None = None,
        correlation_id: str = "",
    ) -> Record:
        """Return an event of the server's own, encoded once.

        `json` is any value that JSON can say.
        """
        event = event_pb2.Event(
            id=event_id(),
            channel=name,
            type=event_type,
            sender=sender,
            correlation_id=correlation_id,
        )
        if kind is not None:
            event.sender_kind = kind.wire
        if text is not None:
            event.text = text
        else:
            event.json = _JSON.encode(json).decode()
        return Record(event.id, event_type, event.SerializeToString())

    def keep(self, key: str) -> Keep:
        """Return how much history a channel's policy keeps."""
        return self._directory.policy(key).keep

    async def emit(self, appends: Sequence[Append]) -> list[Appended]:
        """Append events of the server's own; raise the first refusal after all were tried."""
        results = await self._log.append(appends)
        appended: list[Appended] = []
        for result in results:
            if isinstance(result, Rejection):
                raise result
            appended.append(result)
        return appended


def _unheard(identity: Identity, name: str, records: Sequence[Record]) -> None:
    """Tell nobody."""


def tell(response: channel_pb2.PublishResponse, channel: str, appended: Appended) -> None:
    """Fill the answer to a publish."""
    response.channel = channel
    response.duplicate = appended.duplicate
    for offset, identifier in enumerate(appended.ids, appended.first_offset):
        event = response.events.add()
        event.id, event.offset = identifier, offset


def _required(value: str, field: str) -> str:
    if not value:
        raise Rejection(Code.MISSING_FIELD, f"{field} is required")
    return value
