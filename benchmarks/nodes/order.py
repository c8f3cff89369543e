"""What writers and readers are told, and how an event looks that both know."""

import re
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from benchmarks.harness.measure import WrongCount

STREAM: Final = "bench"
ROOMS: Final = 64
TEXT: Final = "x" * 64
EVENT: Final = re.compile(rb'"r":\s?(\d+),\s?"n":\s?(\d+),\s?"t":\s?(\d+)')


class Way(StrEnum):
    """How an event travels."""

    REDIS = "redis"
    CORE = "core"


@dataclass(frozen=True, slots=True)
class Place:
    """Where to write or read: a server's socket, or a core."""

    way: Way
    address: str


@dataclass(frozen=True, slots=True)
class Write:
    """Write `count` events, `batch` to a room at a time and `flight` times at once; or paced."""

    count: int
    batch: int = 64
    flight: int = 8
    pace_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Expect:
    """Await so many more events."""

    count: int


@dataclass(slots=True)
class Heard:
    """How old each event was when it came."""

    ages_ns: list[int] = field(default_factory=list[int])


@dataclass(frozen=True, slots=True)
class Numbered:
    """An event's content."""

    r: int
    n: int
    t: int
    text: str = TEXT


class Count:
    """Looks at bytes that hold events, however they are framed: each room's in order, once."""

    def __init__(self) -> None:
        self.came = 0
        self.ages_ns: list[int] = []
        self._rooms = [0] * ROOMS

    def take(self, data: bytes) -> None:
        """Take a reply or a frame. Raises `WrongCount`."""
        now_ns = time.monotonic_ns()
        for found in EVENT.finditer(data):
            room, number = int(found[1]), int(found[2])
            if number != self._rooms[room] + 1:
                raise WrongCount(f"{number} after {self._rooms[room]} in room {room}")
            self._rooms[room] = number
            self.ages_ns.append(now_ns - int(found[3]))
            self.came += 1
