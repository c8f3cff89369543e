"""What Anthropic's SDK raises, and what its stream tells, as public failures."""

from typing import Final

import anthropic
import httpx2

from blackroad.agents.models import failures
from blackroad.agents.models.anthropic.request import PROVIDER
from blackroad.client import AnswerFailed

ADVICE: Final = "Set ANTHROPIC_API_KEY where `blackroad agents` runs."
REACH: Final = "Can the host of the agents reach it (ANTHROPIC_BASE_URL)?"
# What the SDK raises; in the middle of a stream, what its HTTP client raises, raw.
PROBLEMS: Final = (
    anthropic.AnthropicError,
    httpx2.HTTPError,
    httpx2.InvalidURL,
    OSError,
    ValueError,
)

# The HTTP status of an error that comes in the middle of a stream, where the status was 200.
_STATUSES: Final = {
    "overloaded_error": 529,
    "rate_limit_error": 429,
    "authentication_error": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "billing_error": 402,
    "invalid_request_error": 400,
    "request_too_large": 413,
    "timeout_error": 504,
    "api_error": 500,
}


def failure(model: str, error: Exception, *, begun: bool) -> AnswerFailed:
    """Return the public failure, and log the private one."""
    failures.note("anthropic", model, error)
    match error:
        case anthropic.APIStatusError():
            header = error.response.headers.get("retry-after")
            return _refusal(model, error.status_code, failures.retry_after(header))
        case anthropic.APIConnectionError() | httpx2.TransportError() | OSError():
            return failures.cut_off(PROVIDER) if begun else failures.unreachable(PROVIDER, REACH)
        case httpx2.InvalidURL():
            return failures.unreachable(PROVIDER, REACH)
        case anthropic.CredentialsError():
            return failures.not_configured(PROVIDER, ADVICE)
        case _:
            return failures.malformed(PROVIDER)


def told(model: str, kind: str, text: str) -> AnswerFailed:
    """Return the public failure of an `error` event, and log what it says."""
    failures.note("anthropic", model, RuntimeError(f"{kind}: {text}"))
    return _refusal(model, _STATUSES.get(kind, 500), None)


def _refusal(model: str, status: int, retry_after_seconds: float | None) -> AnswerFailed:
    match status:
        case 404:
            return failures.not_found(PROVIDER, model)
        case 401 | 402 | 403:
            return failures.key_refused(PROVIDER, ADVICE)
        case 429 | 529:
            return failures.overloaded(PROVIDER, retry_after_seconds)
        case 413:
            return failures.refused(PROVIDER, "takes no input of this size")
        case _ if 400 <= status < 500 and status not in (408, 409):
            return failures.refused(PROVIDER)
        case _:
            return failures.unreachable(PROVIDER, "Try again later.")
