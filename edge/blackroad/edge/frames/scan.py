"""What JSON the edge takes: bounded depth, no NaN, no key twice, no lone surrogate."""

import json
import re
from math import isinf
from typing import Final, NoReturn

from blackroad.edge.errors import Refusal

MAX_DEPTH: Final = 32
MAX_BYTES: Final = 6 * 1024 * 1024

_OUTSIDE_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"|([\[{])|([\]}])', re.DOTALL)
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


def scan(data: bytes, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> object:
    """Return the parsed value; Refusal `too_large` or `bad_frame` says what is wrong with it."""
    if len(data) > max_bytes:
        raise Refusal("too_large", f"at most {max_bytes} bytes are taken")
    _check_depth(data, max_depth)
    try:
        value: object = json.loads(
            data.decode(),
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except Refusal:
        raise
    except (ValueError, RecursionError):
        raise Refusal("bad_frame", "this is not JSON in UTF-8") from None
    if _SURROGATE_ESCAPE.search(data):
        _check_surrogates(value)
    return value


def _check_depth(data: bytes, max_depth: int) -> None:
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return
    depth = 0
    for match in _OUTSIDE_STRINGS.finditer(data):
        if match[1]:
            depth += 1
            if depth > max_depth:
                raise Refusal("bad_frame", f"JSON may nest {max_depth} deep")
        elif match[2]:
            depth -= 1


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refusal("bad_frame", "an object has a key twice")
    return found


def _refuse_constant(_constant: str) -> NoReturn:
    raise Refusal("bad_frame", "JSON has no NaN and no Infinity")


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise Refusal("bad_frame", "a number is beyond all bounds")
    return number


def _check_surrogates(value: object) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Refusal("bad_frame", "a string holds half of a surrogate pair") from None
