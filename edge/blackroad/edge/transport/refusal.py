"""What a refused peer hears: one short HTTP response, then the end."""

import json
from collections.abc import Iterable
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HEADER_RE, HEADER_VALUE_RE

Headers = Iterable[tuple[bytes, bytes]]

_CODES = {
    403: "forbidden",
    404: "not_found",
    408: "deadline_exceeded",
    413: "too_large",
    429: "rate_limited",
    431: "too_large",
    500: "internal",
    503: "unavailable",
}


def problem(status: int) -> bytes:
    """Return an RFC 9457 problem document for a status."""
    title = HTTPStatus(status).phrase
    code = _CODES.get(status, "bad_frame")
    return json.dumps({"title": title, "status": status, "code": code}).encode()


def refusal(status: int, body: bytes | None = None, headers: Headers = ()) -> bytes:
    """Return a whole response with `connection: close`; without a body it is a problem document.

    Raises ValueError for headers that would forge others.
    """
    known = {name.lower() for name, _ in headers}
    content = problem(status) if body is None else body
    own = [(b"content-length", b"%d" % len(content)), (b"connection", b"close")]
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
