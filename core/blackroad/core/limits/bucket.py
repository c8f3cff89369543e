"""A token bucket, as one number: the time at which it will be full again."""

from typing import Final

SLACK_SECONDS: Final = 1e-6
"""What sums of floating point may be off by."""


class TokenBucket:
    """Holds `burst` tokens and gets `rate` a second; begins full.

    In no time t it gives more than burst + rate * t. This is the generic cell rate algorithm: no
    timer fills it, and a full one carries no state.
    """

    __slots__ = ("_burst_seconds", "_full_at", "_token_seconds")

    def __init__(self, rate: float, burst: float) -> None:
        self._token_seconds = 1 / rate
        self._burst_seconds = burst / rate
        self._full_at = float("-inf")

    def take(self, count: int, now: float) -> float:
        """Take tokens and return 0; or take none and return after how many seconds they are there.

        `count` is at most the burst: more are never there.
        """
        full_at = self._full_at if self._full_at > now else now  # noqa: FURB136 (max costs twice)
        full_at += count * self._token_seconds
        wait = full_at - now - self._burst_seconds
        if wait > SLACK_SECONDS:
            return wait
        self._full_at = full_at
        return 0.0

    def is_low(self, now: float) -> bool:
        """Whether less than half of it is left."""
        return self._full_at - now > self._burst_seconds / 2

    def adopt(self, full_seconds: float, used: int, now: float) -> None:
        """Be as another that is full after so many seconds, less what was taken here since."""
        self._full_at = now + full_seconds + used * self._token_seconds

    def is_full(self, now: float) -> bool:
        """Whether it is as when it was made."""
        return self._full_at <= now
