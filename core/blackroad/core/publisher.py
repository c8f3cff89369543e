"""The one way into the log.

What clients publish is checked here, what the server says is encoded here.
"""

from collections.abc import Callable, Sequence

import msgspec

from blackroad.core.channel.directory import Directory
from blackroad.core.clock import Clock
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
from blackroad.core.names import OWNER_HEADER, check_name, check_type
from blackroad.realtime.v1 import channel_pb2, event_pb2

MAX_EVENT_BYTES = 64 << 10
MAX_HEADERS = 16
MAX_HEADER_BYTES = 4 << 10
MAX_LABEL_BYTES = 128
LABELS = ("content_type", "traceparent", "correlation_id", "schema")
MAX_TTL_SECONDS = 30 * 86400
_JSON = msgspec.json.Encoder()


class Publisher:
    """Checks, encodes and appends."""

    def __init__(self, log: Log, directory: Directory, clock: Clock) -> None:
        self._log = log
        self._directory = directory
        self._clock = clock
        # Told with whose rights each event is published, before it is appended.
        self.spoken: Callable[[Identity, str, str], None] = lambda identity, name, event_id: None
        # Counts how many events somebody publishes, and may refuse them.
        self.charge: Callable[[Identity, int], None] = lambda identity, count: None

    async def publish(
        self, identity: Identity, session_id: str, request: channel_pb2.PublishRequest
    ) -> channel_pb2.PublishResponse:
        """Append what a client publishes, all or none.

        Raises `Rejection`: certainly not in the log, but for UNKNOWN, where it may be.
        """
        append = self.prepare(identity, session_id, request)
        (result,) = await self._log.append([append])
        return published(request.channel, result)

    def prepare(
        self, identity: Identity, session_id: str, request: channel_pb2.PublishRequest
    ) -> Append:
        """Return what is to be appended, or raise `Rejection`."""
        name = check_name(_required(request.channel, "channel"))
        if not request.events:
            raise Rejection(Code.MISSING_FIELD, "a publish needs at least one event", channel=name)
        if len(request.events) > MAX_APPEND_EVENTS:
            raise Rejection(
                Code.TOO_LARGE, f"at most {MAX_APPEND_EVENTS} events at once", channel=name
            )
        replicated = request.durability == channel_pb2.DURABILITY_REPLICATED
        if replicated and not self._log.replicates:
            raise Rejection(Code.UNIMPLEMENTED, "this engine has no replicas", channel=name)
        self.charge(identity, len(request.events))
        self._directory.check_publish(identity, name)
        records = [self._checked(identity, session_id, name, draft) for draft in request.events]
        if sum(len(record.body) for record in records) > MAX_APPEND_BYTES:
            raise Rejection(Code.TOO_LARGE, "at most 1 MiB at once", channel=name)
        for record in records:
            self.spoken(identity, name, record.event_id)
        key = _label(request.idempotency_key, "idempotency_key")
        expected = request.expected_offset if request.HasField("expected_offset") else None
        return Append(
            identity.key(name),
            records,
            keep=self.keep(identity.key(name)),
            expected_offset=expected,
            idempotency=(identity.subject, key) if key else None,
            replicated=replicated,
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
        policy = self._directory.policy(key)
        return Keep(policy.history_limit, policy.history_seconds)

    async def emit(self, appends: Sequence[Append]) -> list[Appended]:
        """Append events of the server's own; raise the first refusal after all were tried."""
        results = await self._log.append(appends)
        appended: list[Appended] = []
        for result in results:
            if isinstance(result, Rejection):
                raise result
            appended.append(result)
        return appended

    def _checked(
        self, identity: Identity, session_id: str, name: str, draft: event_pb2.Draft
    ) -> Record:
        """Return a client's draft as a record, or raise `Rejection`."""
        event_type = draft.type
        event = event_pb2.Event(
            id=event_id(),
            channel=name,
            type=check_type(event_type) if event_type else "message",
            sender=identity.subject,
            sender_kind=identity.kind.wire,
            sender_session=session_id,
        )
        for label in LABELS:
            if value := getattr(draft, label):
                setattr(event, label, _label(value, label))
        match draft.WhichOneof("body"):
            case "text":
                event.text = draft.text
            case "json":
                event.json = check_json(draft.json)
            case "data":
                event.data = draft.data
            case _:
                raise Rejection(
                    Code.MISSING_FIELD, "an event needs text, json or data", channel=name
                )
        if draft.headers:
            _check_headers(name, draft)
            event.headers.update(draft.headers)
        body = event.SerializeToString()
        # What is small with everything around it needs no closer look.
        if len(body) > MAX_EVENT_BYTES and _body_size(draft) > MAX_EVENT_BYTES:
            raise Rejection(Code.TOO_LARGE, "an event's body is at most 64 KiB", channel=name)
        return Record(event.id, event.type, *self._expiring(event, draft, body))

    def _expiring(
        self, event: event_pb2.Event, draft: event_pb2.Draft, body: bytes
    ) -> tuple[bytes, int]:
        """Return the body and the Unix nanoseconds at which it expires; 0 for never."""
        if not draft.HasField("ttl"):
            return body, 0
        seconds = draft.ttl.seconds + draft.ttl.nanos / 1e9
        if not 0 < seconds <= MAX_TTL_SECONDS:
            raise Rejection(Code.BAD_FRAME, "a ttl is more than zero and at most 30 days")
        expires_ns = self._clock.time_ns() + int(seconds * 1e9)
        event.expire_time.FromNanoseconds(expires_ns)
        return event.SerializeToString(), expires_ns


def published(channel: str, result: Appended | Rejection) -> channel_pb2.PublishResponse:
    """Return the answer to a publish, or raise what the log refused it with."""
    if isinstance(result, Rejection):
        raise result
    events = [
        channel_pb2.PublishedEvent(id=identifier, offset=offset)
        for offset, identifier in enumerate(result.ids, result.first_offset)
    ]
    return channel_pb2.PublishResponse(events=events, duplicate=result.duplicate, channel=channel)


def check_json(text: str) -> str:
    """Return JSON text, or raise BAD_FRAME.

    Depth is at most 32 (a deeper one is as bad as a broken one).
    """
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Rejection(Code.BAD_FRAME, "json is not valid JSON") from error
    if _depth(text) > 32:
        raise Rejection(Code.BAD_FRAME, "json is nested more than 32 deep")
    return text


def _depth(text: str) -> int:
    """Return how deep valid JSON is nested."""
    if text.count("[") + text.count("{") <= 32:
        return 0
    depth = deepest = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _body_size(draft: event_pb2.Draft) -> int:
    return max(len(draft.text.encode()), len(draft.json.encode()), len(draft.data))


def _check_headers(name: str, draft: event_pb2.Draft) -> None:
    if OWNER_HEADER in draft.headers and name.startswith("conversation."):
        raise Rejection(
            Code.BAD_FRAME, f"only the server writes the header {OWNER_HEADER} here", channel=name
        )
    size = sum(len(name.encode()) + len(value.encode()) for name, value in draft.headers.items())
    if len(draft.headers) > MAX_HEADERS or size > MAX_HEADER_BYTES:
        raise Rejection(Code.TOO_LARGE, "at most 16 headers and 4 KiB of them")


def _label(value: str, field: str) -> str:
    if value and len(value.encode()) > MAX_LABEL_BYTES:
        raise Rejection(Code.TOO_LARGE, f"{field} is at most {MAX_LABEL_BYTES} bytes")
    return value


def _required(value: str, field: str) -> str:
    if not value:
        raise Rejection(Code.MISSING_FIELD, f"{field} is required")
    return value
