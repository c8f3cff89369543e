"""What a client may say on the WebSocket: a struct for each frame, and the way from bytes to it."""

import re
from typing import Annotated, Final, Literal, NamedTuple, cast

from msgspec import Meta, Raw, Struct, ValidationError, field
from msgspec.json import Decoder

from blackroad.edge.errors import Refusal
from blackroad.edge.frames.scan import MAX_BYTES, MAX_DEPTH, scan

Identifier = Annotated[str, Meta(max_length=128)]
History = Annotated[int, Meta(ge=0, le=300)]
Offset = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Headers = dict[str, str]


class Frame(Struct, tag_field="type", kw_only=True):
    """What all frames share: the client's own `id`, echoed by the answer."""

    id: Identifier | None = None


class Roomed(Frame, kw_only=True):
    """A frame about one room; `channel` is accepted for `room`."""

    room: str | None = None
    channel: str | None = None

    @property
    def named(self) -> str:
        """The room, empty where there is none; Refusal `bad_frame` where both spellings are."""
        if self.room is not None and self.channel is not None:
            raise Refusal("bad_frame", "give `room` or `channel`, not both")
        return self.room or self.channel or ""

    @property
    def name(self) -> str:
        """The room; Refusal `missing_field` where there is none."""
        if not (name := self.named):
            raise Refusal("missing_field", "`room` is missing")
        return name


class Ping(Frame, tag="ping"):
    """Answered by `pong`."""


class RoomStart(Struct, kw_only=True):
    """One of `rooms` with a cursor of its own."""

    room: str
    cursor: str | None = None


class Subscribe(Roomed, tag="subscribe", kw_only=True):
    """Follow a room or pattern, or up to 128 of them."""

    rooms: Annotated[list[str | RoomStart], Meta(min_length=1, max_length=128)] | None = None
    cursor: str | None = None
    history: History | None = None
    presence: bool | None = None


class Unsubscribe(Roomed, tag="unsubscribe"):
    """Stop following a room or pattern."""


class Message(Roomed, tag="message", kw_only=True):
    """Publish a `message`."""

    content: Raw = field(default_factory=Raw)
    data: str | None = None
    idempotency_key: Identifier | None = None
    headers: Headers | None = None
    correlation_id: Identifier | None = None


class Publish(Message, tag="publish", kw_only=True):
    """Publish an event of any type but the reserved ones."""

    event: str


class History_(Roomed, tag="history", kw_only=True):  # noqa: N801 - the type `History` is a number
    """Read a page of a room's past."""

    limit: Annotated[int, Meta(ge=1, le=300)] | None = None
    before: Offset | None = None
    after: Offset | None = None


class Presence(Roomed, tag="presence", kw_only=True):
    """Ask who is here: in a room, of a type, or one entity."""

    entity_type: Literal["agent", "user", "service"] | None = None
    entity_id: str | None = None


class PresenceUpdate(Frame, tag="presence.update", kw_only=True):
    """Say how one is."""

    status: Literal["online", "away", "busy"] | None = None
    metadata: Raw = field(default_factory=Raw)


Object = dict[str, Raw]


class Options(Struct, kw_only=True):
    """Limits and wishes of an invocation."""

    max_tokens: Annotated[int, Meta(ge=1, le=2**32 - 1)] | None = None
    max_seconds: Annotated[float, Meta(gt=0, le=86400)] | None = None
    temperature: float | None = None
    stop: list[str] | str | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    tools: list[Object] | None = None
    tool_choice: Object | str | None = None
    response_format: Object | None = None


class AgentInvoke(Frame, tag="agent.invoke", kw_only=True):
    """Ask for an answer."""

    agent: str | None = None
    capability: str | None = None
    model: str | None = None
    input: Raw = field(default_factory=Raw)
    conversation: str | None = None
    deadline_seconds: Annotated[float, Meta(gt=0, le=86400)] | None = None
    on_abandoned: Literal["continue", "cancel"] | None = None
    abandoned_after_seconds: Annotated[float, Meta(ge=0, le=86400)] | None = None
    options: Options | None = None


class Cancel(Frame, tag="cancel", kw_only=True):
    """Cancel an answer."""

    stream_id: str


class Input(Frame, tag="input", kw_only=True):
    """Answer an answer's question."""

    stream_id: str
    content: Raw = field(default_factory=Raw)


class Token(Frame, tag="token", kw_only=True):
    """Show a fresh token of the same subject."""

    token: str


ClientFrame = (
    Ping
    | Subscribe
    | Unsubscribe
    | Message
    | Publish
    | History_
    | Presence
    | PresenceUpdate
    | AgentInvoke
    | Cancel
    | Input
    | Token
)

TYPES: Final = frozenset(
    {
        "ping",
        "subscribe",
        "unsubscribe",
        "message",
        "publish",
        "history",
        "presence",
        "presence.update",
        "agent.invoke",
        "cancel",
        "input",
        "token",
    }
)

_DECODER: Final[Decoder[ClientFrame]] = Decoder(ClientFrame)
_MISSING = re.compile(r"missing required field `([a-z_]+)`")
_PATH = re.compile(r"at `\$\.?([^`]*)`")


class BadFrame(NamedTuple):
    """A frame that cannot be served: why, and the client's `id` where one could be read."""

    refusal: Refusal
    request_id: str | None


def decode(
    data: bytes, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> ClientFrame | BadFrame:
    """Read one frame; what is wrong with it comes back as a BadFrame."""
    request_id: str | None = None
    try:
        value = scan(data, max_bytes, max_depth)
        request_id = _read_id(value)
        _check_type(value)
        return _DECODER.decode(data)
    except Refusal as refusal:
        return BadFrame(refusal, request_id)
    except ValidationError as error:
        return BadFrame(explain(error), request_id)
    except ValueError:  # what json takes and msgspec does not, such as numbers beyond all bounds
        return BadFrame(Refusal("bad_frame"), request_id)


def explain(error: ValidationError) -> Refusal:
    """Return which field is missing or wrong, in our own words."""
    text = str(error)
    if missing := _MISSING.search(text):
        return Refusal("missing_field", f"`{missing[1]}` is missing")
    path = _PATH.search(text)
    where = f"`{path[1]}`" if path and path[1] else "the frame"
    return Refusal("bad_frame", f"{where} is not what the protocol allows")


def _fields(value: object) -> dict[str, object] | None:
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _read_id(value: object) -> str | None:
    found = (_fields(value) or {}).get("id")
    return found if isinstance(found, str) and len(found) <= 128 else None


def _check_type(value: object) -> None:
    fields = _fields(value)
    if fields is None:
        raise Refusal("bad_frame", "a frame is a JSON object")
    kind = fields.get("type")
    if kind is None:
        raise Refusal("missing_field", "`type` is missing")
    if not isinstance(kind, str):
        raise Refusal("bad_frame", "`type` is a string")
    if kind not in TYPES:
        raise Refusal("unknown_type", "there is no frame of this type")
