"""What every door shows: events, subscriptions and steps of answers in common records."""

from dataclasses import dataclass
from typing import cast


class Refused(Exception):  # noqa: N818 - the protocol's word
    """One request was refused, with this code."""

    def __init__(self, code: str, retryable: bool = False) -> None:
        self.code = code
        self.retryable = retryable
        super().__init__(code)


class Lost(Exception):  # noqa: N818 - as above
    """The session has ended, with this code where one was told."""

    def __init__(self, code: str = "") -> None:
        self.code = code
        super().__init__(code)


@dataclass(frozen=True, slots=True)
class Event:
    """An event as every door shows it; what comes and goes has its fields in `content`."""

    event_id: str
    channel: str
    type: str
    sender: str
    content: object
    offset: int
    cursor: str

    def field(self, name: str) -> object:
        """Return a field of a content that is an object."""
        assert isinstance(self.content, dict), self
        return cast("dict[str, object]", self.content)[name]


@dataclass(frozen=True, slots=True)
class Gap:
    """Events are missing here."""

    reason: str


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """All that was missed has come."""


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """The server ended a subscription."""

    channel: str
    code: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The session is over; `code` says why where the server did."""

    code: str


Item = Event | Gap | CaughtUp | Unsubscribed | Closed


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription stands. `recovered` is None where the door does not say it."""

    cursor: str
    recovered: bool | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """An event is in the log."""

    event_id: str
    offset: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """One step of an answer: `text` is the delta, the snapshot's text, or empty."""

    status: str
    text: str = ""
    cursor: str = ""
    code: str = ""
    output_tokens: int = 0


def text_of(updates: list[Update]) -> str:
    """Fold text: a snapshot replaces what was there, a delta is added."""
    text = ""
    for update in updates:
        if update.status == "snapshot":
            text = update.text
        elif update.status == "streaming":
            text += update.text
    return text
