"""The text of a stream of events: blocks that no content can forge."""

from typing import Final

COMMENT: Final = b":\n\n"


def block(data: bytes, event: str = "", cursor: str = "") -> bytes:
    """Return one block; `data` is one line of JSON, types and cursors cannot have line ends."""
    lines: list[bytes] = []
    if cursor:
        lines.append(b"id: %b\n" % cursor.encode())
    if event:
        lines.append(b"event: %b\n" % event.encode())
    return b"%bdata: %b\n\n" % (b"".join(lines), data)


def position(cursor: str) -> bytes:
    """Return a block that sets the last event id and dispatches nothing."""
    return b"id: %b\n\n" % cursor.encode()


def retry(seconds: float) -> bytes:
    """Return the block that sets how long a browser waits before it comes back."""
    return b"retry: %d\n\n" % round(seconds * 1000)
