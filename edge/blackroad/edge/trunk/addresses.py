"""Which core is tried next, and after how long."""

import random
from collections.abc import Sequence
from typing import Final

FIRST_SECONDS: Final = 0.05
LONGEST_SECONDS: Final = 2.0


class Addresses:
    """The core's addresses in turn, with full-jitter waits that double from round to round.

    A round through all addresses is free of waiting the first time: the next core may be well.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        if not addresses:
            raise ValueError("an edge needs the address of a core")
        self._addresses = list(addresses)
        self._next = 0
        self._failures = 0

    @property
    def current(self) -> str:
        """The address to try now."""
        return self._addresses[self._next]

    def failed(self) -> float:
        """Move on to the next address; return how long to wait before it is tried."""
        self._next = (self._next + 1) % len(self._addresses)
        rounds, place = divmod(self._failures, len(self._addresses))
        self._failures += 1
        if rounds == 0 and place + 1 < len(self._addresses):
            return 0.0
        longest = min(LONGEST_SECONDS, FIRST_SECONDS * 2 ** min(rounds, 16))
        return random.uniform(0, longest)  # noqa: S311 - jitter, not a secret

    def succeeded(self) -> None:
        """Stay at this address, and begin the waits anew."""
        self._failures = 0
