"""What a caller is asked to do, and what it tells."""

from dataclasses import dataclass
from typing import Final

AGENT: Final = "BENCH"
PROMPT: Final = "hello there"
CONCURRENCY: Final = 1000


@dataclass(frozen=True, slots=True)
class Ask:
    """Make so many calls, so many at a time."""

    calls: int
    flight: int


@dataclass(frozen=True, slots=True)
class Asked:
    """How long each call took, to its end; every reply was checked."""

    seconds: list[float]
