"""How long to wait before the next attempt."""

import random
from collections.abc import Callable
from typing import Final

LEAST_SECONDS: Final = 0.5
MOST_SECONDS: Final = 20.0


class Backoff:
    """Full jitter: anywhere between nothing and a ceiling that doubles, 0.5 to 20 seconds."""

    def __init__(self, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._ceiling = LEAST_SECONDS

    def next_seconds(self, retry_after_seconds: float | None = None) -> float:
        """Return the next wait; never before what the server asked for."""
        wait = self._uniform(0.0, self._ceiling)
        self._ceiling = min(MOST_SECONDS, self._ceiling * 2)
        return wait if retry_after_seconds is None else retry_after_seconds + wait

    def reset(self) -> None:
        """Begin anew, after something has worked."""
        self._ceiling = LEAST_SECONDS
