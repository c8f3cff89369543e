"""What a session may say of itself: checked before it is kept."""

from collections.abc import Iterable

from blackroad.core.errors import Code, Rejection
from blackroad.core.json_text import check_json
from blackroad.core.presence.entity import Status

MAX_METADATA_BYTES = 4 << 10
MAX_CAPABILITIES = 64
MAX_CAPABILITY_BYTES = 128
NO_METADATA = "{}"


def check_status(number: int) -> Status:
    """Return a status; BAD_FRAME for offline (a session leaves instead) and for what is none."""
    if number not in (Status.ONLINE, Status.AWAY, Status.BUSY):
        raise Rejection(Code.BAD_FRAME, "status is online, away or busy; leave instead of offline")
    return Status(number)


def check_metadata(text: str) -> str:
    """Return the text of a JSON object; BAD_FRAME, or TOO_LARGE above 4 KiB, otherwise."""
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise Rejection(Code.TOO_LARGE, "metadata is at most 4 KiB")
    text = text.strip(" \t\r\n")
    if not text.startswith("{"):
        raise Rejection(Code.BAD_FRAME, "metadata is a JSON object")
    return check_json(text)


def check_capabilities(words: Iterable[str]) -> tuple[str, ...]:
    """Return the capabilities, each once, sorted; TOO_LARGE or BAD_FRAME otherwise."""
    unique = tuple(sorted(set(words)))
    if len(unique) > MAX_CAPABILITIES:
        raise Rejection(Code.TOO_LARGE, f"at most {MAX_CAPABILITIES} capabilities")
    for word in unique:
        if not word:
            raise Rejection(Code.BAD_FRAME, "a capability has a name")
        if len(word.encode()) > MAX_CAPABILITY_BYTES:
            raise Rejection(Code.TOO_LARGE, f"a capability is at most {MAX_CAPABILITY_BYTES} bytes")
    return unique
