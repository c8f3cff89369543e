"""What a refused peer hears: one short HTTP response, then the end."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import Final

import msgspec
from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE

from blackroad.edge.errors import Refusal, document_of
from blackroad.edge.security import SECURITY_HEADERS

Headers = Iterable[tuple[bytes, bytes]]

_BAD: Final = ("bad_frame", "this is not a request that can be read")
_SAYS: Final = {
    403: ("forbidden", "this host or origin is not allowed"),
    404: ("not_found", ""),
    408: ("deadline_exceeded", "the request did not come in time"),
    413: ("too_large", "the body is too large"),
    426: ("bad_frame", "the version of the WebSocket is 13"),
    429: ("rate_limited", ""),
    431: ("too_large", "the head is too large"),
    500: ("internal", ""),
    503: ("unavailable", ""),
}
_COMMON: Final = (
    (b"connection", b"close"),
    (b"cache-control", b"no-store"),
    *((name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()),
)


def problem(status: int) -> bytes:
    """Return the problem document of a status."""
    refusal = Refusal(*_SAYS.get(status, _BAD))
    return msgspec.json.encode(document_of(refusal, status, HTTPStatus(status).phrase))


def refusal(status: int, body: bytes | None = None, headers: Headers = ()) -> bytes:
    """Return a whole response with `connection: close`; without a body it is a problem document.

    Raises ValueError for headers that would forge others.
    """
    known = {name.lower() for name, _ in headers}
    content = problem(status) if body is None else body
    own = [(b"content-length", b"%d" % len(content)), *_COMMON]
    if b"content-type" not in known:
        own.append((b"content-type", b"text/plain" if body else b"application/problem+json"))
    kept = [(name, value) for name, value in headers if name.lower() != b"content-length"]
    return head(status, [*own, *kept]) + content


def head(status: int, headers: Headers) -> bytes:
    """Return a response's head. Raises ValueError for headers that would forge others."""
    lines = [b"HTTP/1.1 %d %b" % (status, HTTPStatus(status).phrase.encode())]
    for name, value in headers:
        if HEADER_RE.search(name) or HEADER_VALUE_RE.search(value):
            raise ValueError("a header's name or value has a control character")
        lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"
