"""The events of Anthropic's message stream, as far as they are used here.

They are read raw: the SDK's own iterator drops `ping`, which says that the model is alive.
"""

from typing import Final

import msgspec


class Tokens(msgspec.Struct):
    """Counts so far; what is not told again stays as it was."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Message(msgspec.Struct):
    usage: Tokens = msgspec.field(default_factory=Tokens)


class MessageStart(msgspec.Struct):
    """The first event."""

    message: _Message


class Block(msgspec.Struct):
    """A block of content as it begins; kinds that are newer than this are passed over."""

    type: str
    id: str = ""
    name: str = ""
    text: str = ""
    thinking: str = ""
    signature: str = ""
    data: str = ""


class BlockStart(msgspec.Struct):
    """A block begins."""

    index: int
    content_block: Block


class Delta(msgspec.Struct):
    """More of a block."""

    type: str
    text: str = ""
    thinking: str = ""
    signature: str = ""
    partial_json: str = ""


class BlockDelta(msgspec.Struct):
    """More of a block."""

    index: int
    delta: Delta


class BlockStop(msgspec.Struct):
    """A block is complete."""

    index: int


class _Ending(msgspec.Struct):
    stop_reason: str | None = None


class MessageDelta(msgspec.Struct):
    """Why it ends, and the counts."""

    delta: _Ending
    usage: Tokens = msgspec.field(default_factory=Tokens)


class MessageStop(msgspec.Struct):
    """The last event."""


class Ping(msgspec.Struct):
    """The model is alive."""


class _Reason(msgspec.Struct):
    type: str = ""
    message: str = ""


class Error(msgspec.Struct):
    """It failed in the middle."""

    error: _Reason


Event = (
    MessageStart | BlockStart | BlockDelta | BlockStop | MessageDelta | MessageStop | Ping | Error
)

_KINDS: Final[dict[str, msgspec.json.Decoder[Event]]] = {
    name: msgspec.json.Decoder(kind)
    for name, kind in {
        "message_start": MessageStart,
        "content_block_start": BlockStart,
        "content_block_delta": BlockDelta,
        "content_block_stop": BlockStop,
        "message_delta": MessageDelta,
        "message_stop": MessageStop,
        "ping": Ping,
        "error": Error,
    }.items()
}


def read_event(name: str | None, data: str) -> Event | None:
    """Return an event; None for one that is newer than this. Raises ValueError for a bad one."""
    decoder = _KINDS.get(name or "")
    return None if decoder is None else decoder.decode(data)
