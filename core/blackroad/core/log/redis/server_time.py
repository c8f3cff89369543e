"""The server's time, as far as it is known here: nodes' clocks differ, and jump."""

from blackroad.core.clock import Clock


class ServerTime:
    """What the server has last said, and what has passed since. Never goes back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said_ns = clock.time_ns()
        self._said_at = clock.monotonic()
        self._heard = False

    def note(self, time_ns: int) -> None:
        """Take up what the server says, where it is later than what is known."""
        if time_ns > self.now_ns() or not self._heard:
            self._heard = True
            self._said_ns, self._said_at = time_ns, self._clock.monotonic()

    def now_ns(self) -> int:
        """Return the Unix time in nanoseconds."""
        return self._said_ns + int((self._clock.monotonic() - self._said_at) * 1e9)
