"""JSON as text that somebody else wrote: it is checked, not read."""

from typing import Final

import msgspec

from blackroad.core.errors import Code, Rejection

MAX_DEPTH: Final = 32


def check_json(text: str) -> str:
    """Return JSON text, or raise BAD_FRAME.

    Depth is at most 32 (a deeper one is as bad as a broken one).
    """
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Rejection(Code.BAD_FRAME, "json is not valid JSON") from error
    if _depth(text) > MAX_DEPTH:
        raise Rejection(Code.BAD_FRAME, "json is nested more than 32 deep")
    return text


def _depth(text: str) -> int:
    """Return how deep valid JSON is nested."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
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
