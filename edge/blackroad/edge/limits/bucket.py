"""A token bucket, as one number: the time at which it will be full again."""


class TokenBucket:
    """Holds `burst` tokens and gets `rate` a second; begins full. A full one carries no state."""

    __slots__ = ("_burst_seconds", "_full_at", "_token_seconds")

    def __init__(self, rate: float, burst: float) -> None:
        self._token_seconds = 1 / rate
        self._burst_seconds = burst / rate
        self._full_at = float("-inf")

    def take(self, now: float) -> float:
        """Take a token and return 0; or take none and return after how many seconds it is there."""
        full_at = max(self._full_at, now) + self._token_seconds
        wait = full_at - now - self._burst_seconds
        if wait > 1e-6:
            return wait
        self._full_at = full_at
        return 0.0

    def give_back(self) -> None:
        """Give a token back."""
        self._full_at -= self._token_seconds

    def is_full(self, now: float) -> bool:
        """Whether it is as when it was made."""
        return self._full_at <= now
