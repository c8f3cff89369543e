"""What went wrong, as OpenAI's clients read it."""

import math
import re
from typing import Final

from fastapi.responses import Response
from msgspec import UNSET, Struct, UnsetType

from blackroad.edge.errors import Refusal
from blackroad.edge.frames.values import ENCODER

_FIELD = re.compile(r"`([^`]+)`")
_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
    504: "timeout_error",
}


class ApiError(Struct):
    """Why a request failed; `code` is one of ours, `param` the field that is wrong.

    `retry_after_seconds` is ours too: a stream that fails has no header left to say it in.
    """

    message: str
    type: str
    param: str | None
    code: str
    retry_after_seconds: float | UnsetType = UNSET


class ApiErrorBody(Struct):
    """The body of a response that failed, and the last event of a stream that did."""

    error: ApiError


def body_of(refusal: Refusal) -> ApiErrorBody:
    """Return a refusal in OpenAI's words."""
    status = refusal.meaning.http_status
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    named = _FIELD.search(refusal.message) if status == 400 else None
    seconds = refusal.retry_after_seconds
    error = ApiError(
        refusal.message,
        kind,
        named[1] if named else None,
        refusal.code,
        UNSET if seconds is None else seconds,
    )
    return ApiErrorBody(error)


def response_of(refusal: Refusal) -> Response:
    """Return it as a response.

    OpenAI's SDKs repeat 409 and 5xx by themselves, unless `x-should-retry` tells them better.
    """
    headers = {
        "Cache-Control": "no-store",
        "X-Should-Retry": "true" if refusal.retryable else "false",
    }
    if refusal.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, math.ceil(refusal.retry_after_seconds)))
    if refusal.meaning.http_status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="blackroad"'
    body = ENCODER.encode(body_of(refusal))
    return Response(body, refusal.meaning.http_status, headers, "application/json")
