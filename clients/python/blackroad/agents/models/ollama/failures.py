"""What Ollama's SDK raises, as public failures."""

from typing import Final

import httpx
import ollama

from blackroad.agents.models import failures
from blackroad.agents.models.ollama.request import PROVIDER
from blackroad.client import AnswerFailed

ADVICE: Final = "Start it with `ollama serve`, or say where it is by OLLAMA_HOST."
# What its SDK raises, and how it trips over a stream that is none of Ollama's.
PROBLEMS: Final = (
    ollama.ResponseError,
    httpx.HTTPError,
    httpx.InvalidURL,
    OSError,
    ValueError,
    AttributeError,
    TypeError,
)


def failure(model: str, error: Exception, *, begun: bool) -> AnswerFailed:
    """Return the public failure, and log the private one."""
    failures.note("ollama", model, error)
    match error:
        case ollama.ResponseError():
            return _refusal(model, error)
        case OSError() | httpx.TransportError() if not begun:
            return failures.unreachable(PROVIDER, ADVICE)
        case OSError() | httpx.TransportError():
            return failures.cut_off(PROVIDER)
        case httpx.InvalidURL():
            return failures.unreachable(PROVIDER, ADVICE)
        case _:
            return failures.malformed(PROVIDER)


def _refusal(model: str, error: ollama.ResponseError) -> AnswerFailed:
    match error.status_code:
        case 404:
            return failures.not_found(PROVIDER, model, f"`ollama pull {model}` gets it.")
        case 401 | 403:
            return failures.key_refused(PROVIDER, "see OLLAMA_API_KEY.")
        case 429 | 503 | 529:
            return failures.overloaded(PROVIDER, None)
        case 502 | 504:
            return failures.unreachable(PROVIDER, ADVICE)
        case status if 400 <= status < 500:
            return failures.refused(PROVIDER, _why(model, str(error.error)))
        case _:
            return failures.broken(PROVIDER)


def _why(model: str, text: str) -> str:
    """Return why a request was refused, where it is one of the reasons that a caller can mend."""
    for what in ("tools", "thinking", "chat", "generate", "vision"):
        if f"does not support {what}" in text:
            return f"says that {model} does not support {what}"
    return "did not take the request"
