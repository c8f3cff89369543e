"""What an edge says in JSON, as far as the SDK reads it."""

from msgspec import Raw, Struct, field
from msgspec.json import Decoder


class ToldUsage(Struct):
    """Tokens."""

    input_tokens: int = 0
    output_tokens: int = 0


class ToldPart(Struct):
    """One part of an answer so far; which fields are there depends on `type`."""

    type: str
    text: str = ""
    tool_call_id: str = ""
    name: str = ""
    arguments: Raw = field(default_factory=Raw)
    content: Raw = field(default_factory=Raw)
    is_error: bool = False
    prompt: str = ""
    schema: Raw = field(default_factory=Raw)


class Told(Struct, rename={"sender": "from"}, kw_only=True):
    """Any frame: which fields are there depends on `type`, and for answers on `status`."""

    type: str
    id: str = ""
    ids: list[str] = []
    room: str = ""
    channel_id: str = ""
    cursor: str = ""
    # Of an event.
    event_id: str = ""
    content: Raw = field(default_factory=Raw)
    data: str | None = None
    sender: str = ""
    from_kind: str = ""
    from_session: str = ""
    timestamp: str = ""
    offset: int = 0
    first_offset: int = 0
    content_type: str = ""
    headers: dict[str, str] = {}
    correlation_id: str = ""
    traceparent: str = ""
    # Of a subscription, a publish, a failure.
    session_id: str = ""
    node: str = ""
    recovered: bool | None = None
    gap: str = ""
    duplicate: bool = False
    code: str = ""
    message: str = ""
    retryable: bool = False
    retry_after_seconds: float | None = None
    # Of an answer.
    stream_id: str = ""
    status: str = ""
    index: int = 0
    delta: str = ""
    position: int = 0
    agent: str = ""
    model: str = ""
    attempt: int = 0
    percent: float = 0.0
    tool_call_id: str = ""
    name: str = ""
    arguments: Raw = field(default_factory=Raw)
    is_error: bool = False
    prompt: str = ""
    schema: Raw = field(default_factory=Raw)
    parts: list[ToldPart] = []
    state: str = ""
    reason: str = ""
    output: Raw = field(default_factory=Raw)
    usage: ToldUsage | None = None


TOLD: Decoder[Told] = Decoder(Told)
_TEXT: Decoder[str] = Decoder(str)


def as_json(value: Raw) -> str:
    """Return a value as the JSON text that it is; empty where there is none."""
    return bytes(value).decode()


def as_text(value: Raw) -> str:
    """Return a JSON string as its text, and any other value as JSON."""
    document = bytes(value)
    return _TEXT.decode(document) if document.startswith(b'"') else document.decode()
