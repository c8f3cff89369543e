"""What was promised, as rules over a history: each returns what breaks it, in words."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from tests.chaos.history import (
    Answered,
    Gapped,
    Granted,
    Here,
    Opened,
    Received,
    Record,
    Removed,
    Roster,
    Sent,
)
from tests.chaos.runs import Run, Said, private, receipts, runs, said, troubles

Rule = Callable[[Sequence[Record]], list[str]]
_SILENT: Final = frozenset({"sse", "sdk"})  # doors that do not say `recovered`


def order_of_offsets(history: Sequence[Record]) -> list[str]:
    """Hold: in a run a channel's events come in the order of their numbers."""
    return [
        f"{run.reader}: {after} after {before}"
        for run in runs(history)
        for came in run.by_channel().values()
        for (_, before), (_, after) in pairwise(came)
        if after.offset < before.offset
    ]


def order_of_time(history: Sequence[Record]) -> list[str]:
    """Hold: what was acknowledged before something else was sent comes before it."""
    events = said(history)
    found: list[str] = []
    for run in runs(history):
        for came in run.by_channel().values():
            latest: Said | None = None
            for _, one in came:
                event = events.get(one.text)
                if event is None:
                    continue
                if latest and event.acknowledged is not None and event.acknowledged < latest.place:
                    found.append(f"{run.reader}: {one} after {latest.sent}")
                if latest is None or event.place > latest.place:
                    latest = event
    return found


def one_order(history: Sequence[Record]) -> list[str]:
    """Hold: a number of a channel's epoch is one event, whoever sees it."""
    found: list[str] = []
    seen: dict[tuple[str, int, int], str] = {}
    for _, one in receipts(history):
        if one.epoch:
            first = seen.setdefault((one.channel, one.epoch, one.offset), one.event_id)
            if first != one.event_id:
                found.append(f"{one} has the number of {first}")
    return found


def no_hole(history: Sequence[Record]) -> list[str]:
    """Hold: in a run a channel's numbers join, and its epoch stays: what is missing was told.

    A pattern gets a private channel only while one is its member, so numbers may be missing there.
    """
    secret = private(history)
    return [
        f"{run.reader}: {after} after {before}"
        for run in runs(history)
        for channel, came in run.by_channel().items()
        if channel not in secret or channel in run.opened.patterns
        for (_, before), (_, after) in pairwise(came)
        if after.offset > before.offset + 1 or after.epoch != before.epoch
    ]


def no_duplicate(history: Sequence[Record]) -> list[str]:
    """Hold: no reader gets an event or a text twice, whatever it went through.

    But for a log that began anew: a server that stood still may run, late, what another one has
    run in its place; then an event comes before the gap that tells of it, and after it.
    """
    found: list[str] = []
    seen: dict[str, set[str]] = {}
    for run in runs(history):
        began = history[run.began]
        if isinstance(began, Gapped) and began.reason == "epoch_changed":
            seen.pop(run.reader, None)
        marks = seen.setdefault(run.reader, set())
        for _, one in run.received:
            own = {one.event_id, one.text} - {""}
            if own & marks:
                found.append(f"{run.reader}: {one} again")
            marks |= own
    return found


def one_event_for_a_key(history: Sequence[Record]) -> list[str]:
    """Hold: a publish that is repeated with its key is one event, and is always answered so.

    Only a log that may have lost what it had may take it again.
    """
    times = troubles(history)
    found: list[str] = []
    first: dict[str, tuple[str, int]] = {}
    sent: dict[str, int] = {}
    for place, one in enumerate(history):
        match one:
            case Sent():
                sent[one.text] = place
            case Answered() | Received() if one.event_id and one.text in sent:
                event = one.event_id, one.offset
                known = first.setdefault(one.text, event)
                began = sent[one.text]
                lost = any(start <= place and began <= end for start, end in times)
                if known != event and not lost:
                    found.append(f"{one} is not {known}")
            case _:
                pass
    return found


def acknowledged_is_delivered(history: Sequence[Record]) -> list[str]:
    """Hold: who followed before an event was sent gets it once acknowledged, or hears of a gap.

    A run owes it where it is still going on, and where it has something that was sent later.
    """
    found: list[str] = []
    every = said(history)
    events = [event for event in every.values() if event.acknowledged is not None]
    places = [event.place for event in events]
    secret = private(history)
    for run in runs(history):
        has = {one.text for _, one in run.received}
        last = _last_sent(run, every)
        until = len(history) if run.ended is None else run.ended
        for event in events[bisect_left(places, run.began) : bisect_left(places, until)]:
            sent = event.sent
            if sent.text in has or not run.covers(sent.tenant, sent.channel):
                continue
            if sent.channel in secret and sent.channel not in run.opened.patterns:
                continue
            later = last.get(sent.channel, -1) > (event.acknowledged or 0)
            if run.ended is None or later:
                found.append(f"{run.reader} never got {sent}")
    return found


def _last_sent(run: Run, events: Mapping[str, Said]) -> dict[str, int]:
    """Return when the last of what a run received of each channel was sent."""
    found: dict[str, int] = {}
    for _, one in run.received:
        if one.text in events:
            place = events[one.text].place
            found[one.channel] = max(place, found.get(one.channel, -1))
    return found


def rejected_never_appears(history: Sequence[Record]) -> list[str]:
    """Hold: what was refused at each attempt is nowhere."""
    refused = {text for text, event in said(history).items() if event.rejected}
    return [f"{one} was rejected" for _, one in receipts(history) if one.text in refused]


def nothing_from_nowhere(history: Sequence[Record]) -> list[str]:
    """Hold: what comes was sent, to that channel, before; and comes to who asked for it."""
    found: list[str] = []
    events = said(history)
    heard = {place for run in runs(history) for place, _ in run.received}
    asked = {one.reader: Run(one, 0) for one in history if isinstance(one, Opened)}
    for place, one in receipts(history):
        event = events.get(one.text)
        reader = asked.get(one.reader)
        if one.text and (event is None or event.place > place or event.sent.channel != one.channel):
            found.append(f"{one} was not sent")
        elif place not in heard or reader is None:
            found.append(f"{one} to whom nothing is owed")
        elif not reader.covers(reader.opened.tenant, one.channel):
            found.append(f"{one} was not asked for")
    return found


def members_only(history: Sequence[Record]) -> list[str]:
    """Hold: a private channel's events come to members, and none that is sent after a removal."""
    found: list[str] = []
    secret = private(history)
    events = said(history)
    subjects = {one.reader: one.subject for one in history if isinstance(one, Opened)}
    member: dict[tuple[str, str], bool] = {}
    removed: dict[tuple[str, str], int] = {}
    for place, one in enumerate(history):
        match one:
            case Granted():
                member[one.channel, one.subject] = True
            case Removed():
                member[one.channel, one.subject] = False
                removed[one.channel, one.subject] = place
            case Received() if one.channel in secret:
                right = (one.channel, subjects.get(one.reader, ""))
                event = events.get(one.text)
                # When the server said something of the channel itself is not known.
                late = event is not None and event.place > removed.get(right, -1)
                if right not in member or (late and not member[right]):
                    found.append(f"{one} to {right[1]}, who is no member")
            case _:
                pass
    return found


def nothing_crosses_tenants(history: Sequence[Record]) -> list[str]:
    """Hold: what one tenant says no other one hears."""
    events = said(history)
    tenants = {one.reader: one.tenant for one in history if isinstance(one, Opened)}
    return [
        f"{one} of {events[one.text].sent.tenant}"
        for _, one in receipts(history)
        if one.text in events and events[one.text].sent.tenant != tenants.get(one.reader)
    ]


def resumes_are_answered(history: Sequence[Record]) -> list[str]:
    """Hold: who comes back with a cursor hears whether something is missing.

    SSE and the SDK say only that it is.
    """
    told: set[str] = set()
    found: list[str] = []
    for one in history:
        match one:
            case Gapped():
                told.add(one.reader)
            case Opened():
                silent = one.recovered is None and one.door not in _SILENT
                if one.resumed and (silent or (one.recovered is False and one.reader not in told)):
                    found.append(f"{one}: neither recovered nor a gap")
                told.discard(one.reader)
            case _:
                pass
    return found


def no_needless_gap(history: Sequence[Record]) -> list[str]:
    """Hold: a gap is told only to a run in which the log may have lost something."""
    times = troubles(history)
    return [
        f"{run.reader}: a gap at {run.ended}, and nothing was lost since {run.began}"
        for run in runs(history)
        if run.ended is not None
        and isinstance(history[run.ended], Gapped)
        and not any(start <= run.ended and run.began <= end for start, end in times)
    ]


def presence_folds_to_the_truth(history: Sequence[Record]) -> list[str]:
    """Hold: once all is quiet every observer believes what is so."""
    truth: dict[str, frozenset[str]] = {}
    found: list[str] = []
    for one in history:
        if isinstance(one, Here):
            truth[one.kind] = frozenset(one.entities)
        elif isinstance(one, Roster) and one.kind in truth:
            here, seen = truth[one.kind], frozenset(one.entities)
            if seen != here:
                lacks, extra = sorted(here - seen), sorted(seen - here)
                found.append(f"{one.observer} lacks {lacks} and believes in {extra}")
    return found


RULES: Final[tuple[Rule, ...]] = (
    order_of_offsets,
    order_of_time,
    one_order,
    no_hole,
    no_duplicate,
    one_event_for_a_key,
    acknowledged_is_delivered,
    rejected_never_appears,
    nothing_from_nowhere,
    members_only,
    nothing_crosses_tenants,
    resumes_are_answered,
    no_needless_gap,
    presence_folds_to_the_truth,
)
