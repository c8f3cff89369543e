"""The text of one answer at one viewer: which tokens have come, when, and whether that is right."""

import re
import time
from typing import Final

from benchmarks.harness.measure import WrongCount

TOKEN: Final = re.compile(r"(\d+)@(\d+) ")


class Text:
    """Takes the deltas of one answer; each token must come, in order, once."""

    def __init__(self, tokens: int) -> None:
        self._tokens = tokens
        self._came = 0
        self._rest = ""
        self._began = time.perf_counter()
        self.first_seconds = 0.0
        self.ages_seconds: list[float] = []

    def add(self, delta: str, *, timed: bool = True) -> None:
        """Take a delta; raise `WrongCount` where it does not go on where the text stood."""
        now_ns = time.monotonic_ns()
        text = self._rest + delta
        end = 0
        for found in TOKEN.finditer(text):
            if found.start() != end or int(found[1]) != self._came + 1:
                raise WrongCount(f"{text!r} after token {self._came}")
            if not self._came:
                self.first_seconds = time.perf_counter() - self._began
            elif timed:
                self.ages_seconds.append((now_ns - int(found[2])) / 1e9)
            self._came += 1
            end = found.end()
        self._rest = text[end:]

    def show(self, snapshot: str) -> None:
        """Take the text so far in place of what came before."""
        self._came, self._rest = 0, ""
        self.add(snapshot, timed=False)

    def check(self) -> int:
        """Return how many tokens came; raise `WrongCount` where some did not."""
        if self._came != self._tokens or self._rest:
            raise WrongCount(f"{self._came} of {self._tokens} tokens, then {self._rest!r}")
        return self._came
