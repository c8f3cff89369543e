"""A history seen by its readers and its events: what the rules look at."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tests.chaos.history import (
    Answered,
    Ended,
    Gapped,
    Granted,
    Healed,
    Opened,
    Received,
    Record,
    Removed,
    Sent,
    Struck,
)


@dataclass(slots=True)
class Run:
    """What a reader received without a gap: from its opening, or a gap, to the next or the end.

    `began` and `ended` are places in the history; `ended` is None where it was still going on.
    """

    opened: Opened
    began: int
    ended: int | None = None
    received: list[tuple[int, Received]] = field(default_factory=list[tuple[int, Received]])

    @property
    def reader(self) -> str:
        """Whose it is."""
        return self.opened.reader

    def covers(self, tenant: str, channel: str) -> bool:
        """Tell whether the reader asked for a channel's events."""
        opened = self.opened
        return opened.tenant == tenant and any(matches(one, channel) for one in opened.patterns)

    def by_channel(self) -> Mapping[str, list[tuple[int, Received]]]:
        """Return what came, channel by channel."""
        found: dict[str, list[tuple[int, Received]]] = {}
        for place, one in self.received:
            found.setdefault(one.channel, []).append((place, one))
        return found


@dataclass(slots=True)
class Said:
    """One event that a client published: when, and what came of it."""

    sent: Sent
    place: int
    outcomes: list[Answered] = field(default_factory=list[Answered])
    acknowledged: int | None = None  # the place of the first `published`

    @property
    def published(self) -> Answered | None:
        """The first acknowledgement."""
        return next((one for one in self.outcomes if one.outcome == "published"), None)

    @property
    def rejected(self) -> bool:
        """Whether it is certainly not in the log: each attempt was answered, and refused."""
        return bool(self.outcomes) and all(one.outcome == "rejected" for one in self.outcomes)


def matches(pattern: str, channel: str) -> bool:
    """Tell whether a pattern or name covers a channel; a first wildcard no name of the server's."""
    wanted, tokens = pattern.split("."), channel.split(".")
    guarded = tokens[0] in {"presence", "stream", "system", "client"}
    if guarded and wanted[0] != tokens[0]:
        return False
    if wanted[-1] in {">", "**"}:
        wanted = wanted[:-1] + ["*"] * max(1, len(tokens) - len(wanted) + 1)
    return len(wanted) == len(tokens) and all(
        want in ("*", token) for want, token in zip(wanted, tokens, strict=True)
    )


def runs(history: Sequence[Record]) -> list[Run]:
    """Return all runs, in the order in which they began."""
    found: list[Run] = []
    going: dict[str, Run] = {}
    opened: dict[str, Opened] = {}
    for place, record in enumerate(history):
        match record:
            case Opened():
                opened[record.reader] = record
                if record.reader not in going:
                    going[record.reader] = Run(record, place)
                    found.append(going[record.reader])
            case Received() if record.reader in going:
                going[record.reader].received.append((place, record))
            case Gapped() | Ended():
                run = going.pop(record.reader, None)
                if run is not None:
                    run.ended = place
                if isinstance(record, Gapped) and record.reader in opened:
                    going[record.reader] = Run(opened[record.reader], place)
                    found.append(going[record.reader])
            case _:
                pass
    return found


def said(history: Sequence[Record]) -> dict[str, Said]:
    """Return what was published, or meant to be, by its text."""
    found: dict[str, Said] = {}
    for place, record in enumerate(history):
        match record:
            case Sent():
                found[record.text] = Said(record, place)
            case Answered():
                one = found[record.text]
                one.outcomes.append(record)
                if record.outcome == "published" and one.acknowledged is None:
                    one.acknowledged = place
            case _:
                pass
    return found


def receipts(history: Sequence[Record]) -> Iterator[tuple[int, Received]]:
    """Give everything that was received, with its place."""
    for place, record in enumerate(history):
        if isinstance(record, Received):
            yield place, record


def troubles(history: Sequence[Record]) -> list[tuple[int, int]]:
    """Return from when to when the log may have lost something, or may still tell so."""
    found: dict[tuple[str, str], list[int]] = {}
    times: list[tuple[int, int]] = []
    for place, one in enumerate(history):
        if isinstance(one, Struck) and one.loses:
            found.setdefault((one.fault, one.target), []).append(place)
        elif isinstance(one, Healed) and (began := found.get((one.fault, one.target))):
            times.append((began.pop(0), place))
    return times + [(place, len(history)) for began in found.values() for place in began]


def private(history: Sequence[Record]) -> frozenset[str]:
    """Return the channels that have members."""
    return frozenset(one.channel for one in history if isinstance(one, Granted | Removed))
