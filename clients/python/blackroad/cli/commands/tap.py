"""What `tap` does: shows events as they come, and of those before what is asked for."""

import logging
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Final

import typer

from blackroad.cli.commands.events import event_line, received_row
from blackroad.cli.output import CONSOLE, ERRORS, print_error, print_json, print_note
from blackroad.client.client import Client
from blackroad.client.event import Event
from blackroad.client.subscription import Received, Subscription

# What a server shows of before at most.
MAX_HISTORY: Final = 300
_DURATION: Final = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


@dataclass(frozen=True, slots=True)
class Since:
    """Where to begin: at a time, after a cursor, or with the last N events."""

    time: datetime | None = None
    cursor: str | None = None
    history: int | None = None

    @classmethod
    def read(cls, text: str, history: int) -> "Since":
        """Read `10m`, `1h30m`, a time as ISO 8601 has it, or else a cursor. Raises typer.Exit."""
        if text and history:
            print_error("give --since or --history, not both")
            raise typer.Exit(2)
        if not text:
            return cls(history=history or None)
        if _DURATION.fullmatch(text):
            parts = re.findall(r"([\d.]+)([smhdw])", text)
            seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
            return cls(datetime.now(UTC) - timedelta(seconds=seconds), history=MAX_HISTORY)
        try:
            return cls(datetime.fromisoformat(text).astimezone(UTC), history=MAX_HISTORY)
        except ValueError:
            return cls(cursor=text)


@dataclass(frozen=True, slots=True)
class Tap:
    """What is shown, and how."""

    patterns: Sequence[str]
    since: Since = field(default_factory=Since)
    types: Sequence[str] = ()
    senders: Sequence[str] = ()
    count: int = 0
    presence: bool = False
    follow: bool = True
    as_json: bool = False
    content_only: bool = False

    def takes(self, received: Received) -> bool:
        """Whether it is to be shown. What tells of a loss always is."""
        if not isinstance(received, Event):
            return True
        after = self.since.time is None or received.create_time >= self.since.time
        typed = not self.types or any(fnmatchcase(received.type, each) for each in self.types)
        sent = not self.senders or any(fnmatchcase(received.sender, each) for each in self.senders)
        return after and typed and sent

    def show(self, received: Received) -> None:
        """Print it."""
        if self.as_json:
            print_json(received_row(received))
        elif self.content_only and isinstance(received, Event):
            print(received.text, flush=True)
        else:
            CONSOLE.print(event_line(received), soft_wrap=True)


async def follow(client: Client, tap: Tap) -> None:
    """Print what comes, until it is interrupted, has shown enough, or has nothing more to show."""
    _tell_of_losses()
    first, *others = tap.patterns
    subscription = client.subscribe(
        first,
        tap.since.cursor,
        unit=others,
        history=tap.since.history,
        presence=tap.presence,
    )
    shown = 0
    try:
        async with subscription:
            print_note(f"following {' '.join(tap.patterns)}; Ctrl-C ends it")
            async for received in _received(subscription, tap):
                tap.show(received)
                shown += isinstance(received, Event)
                if shown == tap.count:
                    return
    finally:
        if subscription.cursor:
            print_note(f"to go on here: --since {subscription.cursor}")


async def _received(subscription: Subscription, tap: Tap) -> AsyncIterator[Received]:
    begin, past = tap.since.time, 0
    async for received in subscription.past():
        past += 1
        if past == 1 and begin and isinstance(received, Event) and received.create_time > begin:
            print_note(f"it begins at {received.create_time:%H:%M:%S} UTC: no more is kept")
        if tap.takes(received):
            yield received
    if tap.follow:
        async for received in subscription:
            if tap.takes(received):
                yield received


def _tell_of_losses() -> None:
    """Say on stderr when the connection is lost: a silent tap looks like a quiet channel."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            ERRORS.print(record.getMessage(), style="yellow", soft_wrap=True, markup=False)

    log = logging.getLogger("blackroad.client")
    log.setLevel(logging.WARNING)
    log.addHandler(Handler())
    log.propagate = False
