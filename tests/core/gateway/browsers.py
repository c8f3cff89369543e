"""What an edge of the tests knows of its browsers."""

import time
from dataclasses import dataclass, field

import jwt

from blackroad.core.identity.development import SECRET
from blackroad.realtime.v1 import event_pb2

READS = [{"pattern": ">", "actions": ["subscribe", "publish"]}]


def token(subject: str) -> str:
    """Return a development token of a user that may read and publish, and manage nothing."""
    claims = {
        "sub": subject,
        "kind": "user",
        "grants": READS,
        "jti": subject,
        "exp": int(time.time()) + 3600,
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


@dataclass(eq=False)
class Followed:
    """One subscription as its browser sees it: its events by sequence, and whence they came."""

    channel: str
    request_id: str
    cursor: str = ""
    begins: int = -1  # the sequence before the first event that it must get
    caught_up: bool = False
    joined_turn: int | None = None
    restored: bool = False
    ended: bool = False
    events: list[event_pb2.Event] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    missed: set[int] = field(default_factory=set)  # sequences that came on CATCH_UP

    @property
    def joined(self) -> bool:
        return self.joined_turn is not None

    def take(self, event: event_pb2.Event, *, missed: bool = False) -> None:
        self.events.append(event)
        self.cursor = event.cursor
        if missed:
            self.missed.add(event.sequence)


@dataclass(eq=False)
class Browser:
    """One session."""

    number: int
    subject: str
    session_id: str = ""
    ended: bool = False
    credits: bool = True
    owed: int = 0
    numbers: dict[int, set[Followed]] = field(default_factory=dict)
    following: dict[str, Followed] = field(default_factory=dict)
    by_request: dict[str, Followed] = field(default_factory=dict)
    former: list[Followed] = field(default_factory=list)
    held: list[tuple[event_pb2.Event, set[Followed]]] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return any(one.joined and not one.caught_up for one in self.following.values())

    def live(self, event: event_pb2.Event, followed: set[Followed]) -> None:
        if self.holds:
            self.held.append((event, followed))
            return
        for one in followed:
            if not one.ended:
                one.take(event)

    def release(self) -> None:
        if not self.holds:
            held, self.held = self.held, []
            for event, followed in held:
                self.live(event, followed)


async def nothing() -> None:
    """Do nothing."""
