"""What all clients of a run did and saw, in the one order in which it came about."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

Outcome = Literal["published", "rejected", "unknown"]


class Sent(Struct, tag=True, frozen=True):
    """A client begins to publish. Each text is published once, however often it is tried."""

    text: str
    channel: str
    subject: str
    door: str
    tenant: str = "default"


class Answered(Struct, tag=True, frozen=True):
    """What became of one attempt; what has no answer is `unknown`."""

    text: str
    outcome: Outcome
    event_id: str = ""
    offset: int = 0
    code: str = ""


class Opened(Struct, tag=True, frozen=True):
    """A subscription stands; `resumed` after a cursor, and `recovered` as the server said."""

    reader: str
    subject: str
    door: str
    patterns: tuple[str, ...]
    resumed: bool = False
    recovered: bool | None = None
    tenant: str = "default"


class Received(Struct, tag=True, frozen=True):
    """An event came. The epoch is 0 at doors that do not show it."""

    reader: str
    channel: str
    event_id: str
    offset: int
    text: str = ""
    epoch: int = 0


class Gapped(Struct, tag=True, frozen=True):
    """The server said that events are missing here."""

    reader: str
    reason: str


class CaughtUp(Struct, tag=True, frozen=True):
    """The server said that all that was missed has come."""

    reader: str


class Ended(Struct, tag=True, frozen=True):
    """A subscription is over: nothing more is owed to it. `code` is the server's."""

    reader: str
    code: str = ""


class Cut(Struct, tag=True, frozen=True):
    """A client has lost its connection, and will come back."""

    reader: str


class Granted(Struct, tag=True, frozen=True):
    """A subject is about to become a member of a private channel."""

    subject: str
    channel: str


class Removed(Struct, tag=True, frozen=True):
    """The server has acknowledged that a subject is no member any more."""

    subject: str
    channel: str


class Struck(Struct, tag=True, frozen=True):
    """A fault strikes. `loses`: the log may lose what it had, or can no longer prove it."""

    fault: str
    target: str
    loses: bool = False


class Healed(Struct, tag=True, frozen=True):
    """It is over."""

    fault: str
    target: str


class Here(Struct, tag=True, frozen=True):
    """Who of a kind is really here, once all is quiet."""

    kind: str
    entities: tuple[str, ...]


class Roster(Struct, tag=True, frozen=True):
    """Who an observer believes to be here, once all is quiet."""

    observer: str
    kind: str
    entities: tuple[str, ...]


Record = (
    Sent
    | Answered
    | Opened
    | Received
    | Gapped
    | CaughtUp
    | Ended
    | Cut
    | Granted
    | Removed
    | Struck
    | Healed
    | Here
    | Roster
)


class Line(Struct, frozen=True):
    """A record and when it was written, in seconds since the beginning."""

    at: float
    record: Record


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Line)


class History:
    """Takes records as they come about, and writes each to a file of JSON lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: list[Record] = []
        self._began = time.monotonic()
        self._file = path.open("wb")

    def add(self, record: Record) -> None:
        """Take a record: its place says what came before what."""
        self.records.append(record)
        line = Line(round(time.monotonic() - self._began, 4), record)
        self._file.write(_ENCODER.encode(line) + b"\n")

    def close(self) -> None:
        """Write what is not yet written. Idempotent."""
        self._file.close()


def read(path: Path) -> Sequence[Record]:
    """Return a history that was written."""
    with path.open("rb") as lines:
        return [_DECODER.decode(line).record for line in lines]
