"""What one subject may still ask for: the bucket, the window where there is one, and the pause."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from blackroad.core.limits.bucket import TokenBucket
from blackroad.core.limits.window import SlidingWindow

MINUTE_SECONDS: Final = 60.0
REFUSALS: Final = 100
REFUSALS_SECONDS: Final = 10.0
REFUSALS_SLOTS: Final = 100


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much each subject of a kind may ask for; 0 a minute is no window, 0 s no pause."""

    per_second: float
    burst: int
    per_minute: int = 0
    cooldown_seconds: float = 0.0

    @property
    def most(self) -> int:
        """How much can ever be asked for at once."""
        return min(self.burst, self.per_minute) if self.per_minute else self.burst


class Quota(Protocol):
    """What is left to one subject. `take` never waits: it answers from what is known here."""

    def take(self, count: int, now: float) -> float:
        """Take so many and return 0; or take none and return after how many seconds to ask anew."""
        ...

    def is_whole(self, now: float) -> bool:
        """Whether it is as when it was made, so that it may be forgotten."""
        ...


MakeQuota = Callable[[Allowance, str], Quota]
"""Makes the quota of somebody, who is named by a word."""


class LocalQuota:
    """A quota that this process alone hands out.

    After 100 refusals in 10 s nothing is handed out for the allowance's cooldown.
    """

    __slots__ = ("_allowance", "_paused_until", "_refusals", "_window", "bucket")

    def __init__(self, allowance: Allowance, whose: str = "") -> None:
        del whose
        self._allowance = allowance
        self.bucket = TokenBucket(allowance.per_second, allowance.burst)
        self._window: SlidingWindow | None = None
        if allowance.per_minute:
            self._window = SlidingWindow(allowance.per_minute, MINUTE_SECONDS)
        self._refusals: SlidingWindow | None = None
        self._paused_until = float("-inf")

    def take(self, count: int, now: float) -> float:
        """See `Quota`."""
        if now < self._paused_until:
            return self._paused_until - now
        window = self._window
        if window is None:  # as nearly always: this runs for each event
            wait = self.bucket.take(count, now)
            return self.refuse(wait, now) if wait else 0.0
        wait = window.wait(count, now) or self.bucket.take(count, now)
        if wait:
            return self.refuse(wait, now)
        window.add(count, now)
        return 0.0

    def is_whole(self, now: float) -> bool:
        """See `Quota`."""
        return (
            self.bucket.is_full(now)
            and now >= self._paused_until
            and (self._window is None or self._window.is_empty(now))
            and (self._refusals is None or self._refusals.is_empty(now))
        )

    def paused_seconds(self, now: float) -> float:
        """Return for how long nothing is handed out; 0 where it is not paused."""
        return max(self._paused_until - now, 0.0)

    def pause(self, seconds: float, now: float) -> None:
        """Hand out nothing for so long, if not for longer."""
        self._paused_until = max(self._paused_until, now + seconds)

    def refuse(self, wait: float, now: float) -> float:
        """Count a refusal; return how long to wait, which it may have made longer."""
        if not self._allowance.cooldown_seconds:
            return wait
        if self._refusals is None:
            self._refusals = SlidingWindow(REFUSALS, REFUSALS_SECONDS, REFUSALS_SLOTS)
        self._refusals.add(1, now)
        if self._refusals.wait(1, now):
            self._refusals = None
            self._paused_until = now + self._allowance.cooldown_seconds
            return max(wait, self._allowance.cooldown_seconds)
        return wait
