"""Leases: an entry lives while its connection renews it, without a task or a timer of its own."""

from collections.abc import Callable, Iterable, Mapping
from random import uniform

from blackroad.core.presence.record import Stay

SLICE = 1000
SLICE_PAUSE_SECONDS = 0.01


class Leases:
    """Renews the entries whose sessions are alive, three times a term, a slice of them at a time.

    A renewal changes nothing that can be seen, and is told to nobody.
    """

    def __init__(self, term_seconds: float, alive: Callable[[str], bool]) -> None:
        self._term_seconds = term_seconds
        self._alive = alive
        self._waiting: list[Stay] = []
        self.due = float("-inf")  # monotonic seconds

    def lapsed(self, stays: Mapping[str, Stay], now: float) -> Iterable[Stay]:
        """Renew what is due by now; return the entries that nobody renewed for a whole term."""
        if now < self.due:
            return []
        if not self._waiting:
            self._waiting = list(stays.values())
        turn, self._waiting = self._waiting[:SLICE], self._waiting[SLICE:]
        pause = self._term_seconds / 3 * uniform(0.9, 1.1)  # noqa: S311 (it only spreads)
        self.due = now + (SLICE_PAUSE_SECONDS if self._waiting else pause)
        present = (stay for stay in turn if stays.get(stay.session_id) is stay)
        return [stay for stay in present if self._has_lapsed(stay, now)]

    def _has_lapsed(self, stay: Stay, now: float) -> bool:
        if stay.lost_ns:
            return False
        if self._alive(stay.session_id):
            stay.renewed = now
            return False
        return now - stay.renewed >= self._term_seconds
