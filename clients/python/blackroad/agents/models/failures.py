"""How a model fails, in words that callers may see; what providers say goes to the log only."""

import logging
import math
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from blackroad.client import AnswerFailed

_LOGGED_CHARACTERS: Final = 500
_MOST_RETRY_SECONDS: Final = 86400.0

log = logging.getLogger("blackroad.agents")


def note(provider: str, model: str, error: BaseException) -> None:
    """Log what a provider said. Its errors hold neither keys nor headers; prompts are cut off."""
    text = str(error)[:_LOGGED_CHARACTERS]
    log.warning("%s/%s failed: %s: %s", provider, model, type(error).__name__, text)


def not_found(provider: str, model: str, advice: str = "") -> AnswerFailed:
    """Return that the provider does not have the model."""
    return AnswerFailed("model_not_found", f"{provider} has no model {model}. {advice}".strip())


def unreachable(provider: str, advice: str) -> AnswerFailed:
    """Return that the provider does not answer."""
    return AnswerFailed(
        "model_unavailable", f"{provider} does not answer now. {advice}", retryable=True
    )


def not_configured(provider: str, advice: str) -> AnswerFailed:
    """Return that the provider is known, but not set up here."""
    return AnswerFailed("model_unavailable", f"{provider} is not configured here: {advice}")


def key_refused(provider: str, advice: str) -> AnswerFailed:
    """Return that the provider does not take this installation's key."""
    return AnswerFailed("model_unavailable", f"{provider} refused the key of this host: {advice}")


def overloaded(provider: str, retry_after_seconds: float | None) -> AnswerFailed:
    """Return that the provider has too much to do, or that this installation asks too often."""
    after = "" if retry_after_seconds is None else f" Try again in {retry_after_seconds:g} s."
    return AnswerFailed(
        "model_overloaded",
        f"{provider} is overloaded now.{after}",
        retryable=True,
        retry_after_seconds=retry_after_seconds,
    )


def cut_off(provider: str) -> AnswerFailed:
    """Return that the connection was lost in the middle of the answer."""
    return AnswerFailed(
        "model_unavailable", f"{provider} was lost in the middle of the answer.", retryable=True
    )


def too_slow(provider: str, *, begun: bool) -> AnswerFailed:
    """Return that the provider said nothing for longer than the settings allow."""
    what = "fell silent in the middle of the answer" if begun else "did not begin to answer in time"
    return AnswerFailed("model_unavailable", f"{provider} {what}.", retryable=True)


def malformed(provider: str) -> AnswerFailed:
    """Return that the provider's stream is not what its protocol says."""
    return AnswerFailed("model_error", f"{provider} sent what is not its protocol.")


def refused(provider: str, why: str = "did not take the request") -> AnswerFailed:
    """Return that the request is not one for this model."""
    return AnswerFailed("model_error", f"{provider} {why}.")


def broken(provider: str) -> AnswerFailed:
    """Return that the model failed at its work."""
    return AnswerFailed("model_error", f"The model failed at {provider}; the host's log says how.")


def retry_after(header: str | None) -> float | None:
    """Return the seconds of a `retry-after` header, a day at most; None where it is none."""
    if not header:
        return None
    try:
        seconds = float(header)
    except ValueError:
        try:
            when = parsedate_to_datetime(header)
        except ValueError:
            return None
        seconds = (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
    if not math.isfinite(seconds):
        return None
    return min(max(0.0, seconds), _MOST_RETRY_SECONDS)
