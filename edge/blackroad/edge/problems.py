"""Errors over HTTP: RFC 9457 problem documents with `code`."""

import math

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from blackroad.edge.errors import MEANINGS, Refusal, document_of
from blackroad.edge.frames.values import ENCODER
from blackroad.edge.security import SECURITY_HEADERS

MEDIA_TYPE = "application/problem+json"
_BY_STATUS = {
    400: "bad_frame",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    413: "too_large",
    415: "bad_frame",
    422: "bad_frame",
    503: "unavailable",
}


def problem(refusal: Refusal, status: int | None = None, title: str = "") -> Response:
    """Return the document of a refusal, with the headers that belong to it."""
    found = status or refusal.meaning.http_status
    headers: dict[str, str] = {"Cache-Control": "no-store"}
    if refusal.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after_seconds)))
    if found == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="blackroad"'
    document = document_of(refusal, status, title)
    return Response(ENCODER.encode(document), found, headers, MEDIA_TYPE)


async def on_refusal(_request: Request, error: Exception) -> Response:
    """Answer what a route refused."""
    return problem(error if isinstance(error, Refusal) else Refusal("internal"))


async def on_invalid(request: Request, error: Exception) -> Response:
    """Answer a body, path or query that does not fit its model: which field, and no more."""
    if not isinstance(error, RequestValidationError):
        return problem(Refusal("internal"))
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    if first["type"] == "missing":
        return problem(Refusal("missing_field", f"`{where}` is missing"))
    if first["loc"] == ("body",) and not _says_json(request):
        return problem(Refusal("bad_frame", "a body is JSON with `content-type: application/json`"))
    return problem(Refusal("bad_frame", f"`{where}` is not what the protocol allows"))


def _says_json(request: Request) -> bool:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return media_type == "application/json" or media_type.endswith("+json")


async def on_http_exception(_request: Request, error: Exception) -> Response:
    """Answer what the framework refused, such as an unknown path."""
    if not isinstance(error, HTTPException):
        return problem(Refusal("internal"))
    if error.status_code == 405:
        return no_such_method((error.headers or {}).get("Allow", ""))
    code = _BY_STATUS.get(error.status_code, "internal")
    text = MEANINGS[code].text
    response = problem(Refusal(code, text), error.status_code, text)
    response.headers.update(error.headers or {})
    return response


def no_such_method(allowed: str) -> Response:
    """Return the 405 of a path that takes other methods only."""
    text = "this method is not allowed here"
    response = problem(Refusal("unimplemented", text), 405, text)
    if allowed:
        response.headers["Allow"] = allowed
    return response


async def on_fault(_request: Request, _error: Exception) -> Response:
    """Answer a fault of ours without a word of it; the server logs it.

    It goes out past the gate, which the fault has come through.
    """
    response = problem(Refusal("internal"))
    response.headers.update(SECURITY_HEADERS)
    return response
