"""Each rule passes a good history, and catches the change that breaks it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.chaos.history import (
    Answered,
    CaughtUp,
    Cut,
    Ended,
    Gapped,
    Granted,
    Healed,
    Here,
    History,
    Opened,
    Received,
    Record,
    Removed,
    Roster,
    Sent,
    Struck,
    read,
)
from tests.chaos.rules import (
    RULES,
    Rule,
    acknowledged_is_delivered,
    members_only,
    no_duplicate,
    no_hole,
    no_needless_gap,
    nothing_crosses_tenants,
    nothing_from_nowhere,
    one_event_for_a_key,
    one_order,
    order_of_offsets,
    order_of_time,
    presence_folds_to_the_truth,
    rejected_never_appears,
    resumes_are_answered,
)
from tests.chaos.runs import matches

Change = Callable[[list[Record]], None]


def got(reader: str, channel: str, offset: int, text: str, epoch: int = 0) -> Received:
    """Return the receipt of an event, whose id follows from its text."""
    return Received(reader, channel, f"ev_{text}", offset, text, epoch)


GOOD: Final[tuple[Record, ...]] = (
    Opened("agent", "ann", "grpc", ("c.*",)),
    Opened("browser", "bea", "websocket", ("c.a",)),
    Opened("curl", "cid", "sse", ("c.a", "c.b")),
    Opened("spy", "sam", "websocket", (">",)),
    Opened("stranger", "sue", "grpc", (">",), tenant="other"),
    Granted("bea", "c.secret"),
    Opened("member", "bea", "websocket", ("c.secret",)),
    # Two events, one after the other.
    Sent("one", "c.a", "pub", "rest"),
    Answered("one", "published", "ev_one", 7),
    got("agent", "c.a", 7, "one", 1),
    Sent("two", "c.a", "pub", "rest"),
    got("agent", "c.a", 8, "two", 1),
    got("browser", "c.a", 7, "one"),
    got("browser", "c.a", 8, "two"),
    Answered("two", "unknown"),
    Answered("two", "published", "ev_two", 8),
    got("curl", "c.a", 7, "one"),
    got("curl", "c.a", 8, "two"),
    got("spy", "c.a", 7, "one"),
    got("spy", "c.a", 8, "two"),
    # One that is refused, and one of which nobody knows.
    Sent("no", "c.a", "pub", "rest"),
    Answered("no", "rejected", code="forbidden"),
    Sent("perhaps", "c.b", "pub", "grpc"),
    Answered("perhaps", "unknown"),
    got("curl", "c.b", 3, "perhaps"),
    got("agent", "c.b", 3, "perhaps", 1),
    got("spy", "c.b", 3, "perhaps"),
    # One comes back with its cursor.
    Cut("browser"),
    Sent("three", "c.a", "pub", "grpc"),
    Answered("three", "published", "ev_three", 9),
    Opened("browser", "bea", "websocket", ("c.a",), resumed=True, recovered=True),
    got("browser", "c.a", 9, "three"),
    CaughtUp("browser"),
    *[got(one, "c.a", 9, "three", int(one == "agent")) for one in ("agent", "curl", "spy")],
    # The private channel: what is sent before the removal may still come.
    Sent("secret", "c.secret", "own", "grpc"),
    Answered("secret", "published", "ev_secret", 2),
    Removed("bea", "c.secret"),
    got("member", "c.secret", 2, "secret"),
    Ended("member", "not_member"),
    Sent("hidden", "c.secret", "own", "grpc"),
    Answered("hidden", "published", "ev_hidden", 3),
    # The log loses what it had: it may take the same key again.
    Struck("flush", "redis", loses=True),
    *[Gapped(one, "epoch_changed") for one in ("agent", "browser", "curl", "spy")],
    Sent("four", "c.a", "pub", "rest"),
    Answered("four", "published", "ev_four", 1),
    *[got(one, "c.a", 1, "four", 2 * (one == "agent")) for one in ("agent", "browser", "spy")],
    got("curl", "c.a", 1, "four"),
    Healed("flush", "redis"),
    Here("user", ("bea",)),
    Roster("core 1", "user", ("bea",)),
    Roster("watcher", "user", ("bea",)),
)


def without(record: Record) -> Change:
    """Return the change that leaves something out."""
    return lambda history: history.remove(record)


def instead(record: Record, *others: Record) -> Change:
    """Return the change that puts something in the place of something."""

    def change(history: list[Record]) -> None:
        place = history.index(record)
        history[place : place + 1] = others

    return change


def after(record: Record, *others: Record) -> Change:
    """Return the change that adds something."""
    return instead(record, record, *others)


def swapped(one: Record, other: Record) -> Change:
    """Return the change that exchanges two."""

    def change(history: list[Record]) -> None:
        places = history.index(one), history.index(other)
        history[places[0]], history[places[1]] = other, one

    return change


ONE, TWO = got("browser", "c.a", 7, "one"), got("browser", "c.a", 8, "two")
THREE = got("browser", "c.a", 9, "three")
BACK = Opened("browser", "bea", "websocket", ("c.a",), resumed=True, recovered=True)
FOUR = got("browser", "c.a", 1, "four")
MUTATIONS: Final[tuple[tuple[Rule, Change], ...]] = (
    (order_of_offsets, swapped(ONE, TWO)),
    (order_of_time, swapped(ONE, TWO)),
    # Numbers alone would not tell: "three" was sent when "one" had long been acknowledged.
    (order_of_time, after(THREE, got("browser", "c.a", 10, "one"))),
    (one_order, instead(got("agent", "c.b", 3, "perhaps", 1), got("agent", "c.a", 7, "no", 1))),
    (no_hole, without(TWO)),
    (no_hole, instead(got("curl", "c.a", 9, "three"), got("curl", "c.a", 10, "three"))),
    # The log began anew, and nobody said so.
    (no_hole, instead(got("agent", "c.a", 9, "three", 1), got("agent", "c.a", 9, "three", 2))),
    (no_hole, without(Gapped("agent", "epoch_changed"))),
    (no_duplicate, after(TWO, TWO)),
    (no_duplicate, after(BACK, TWO)),
    (no_duplicate, after(FOUR, FOUR)),
    (no_duplicate, after(THREE, Gapped("browser", "expired"), THREE)),
    (no_duplicate, after(THREE, Ended("browser"), BACK, TWO)),
    (no_duplicate, after(TWO, Received("browser", "c.a", "ev_again", 9, "two"))),
    (one_event_for_a_key, instead(TWO, Received("browser", "c.a", "ev_other", 8, "two"))),
    (
        one_event_for_a_key,
        after(
            Answered("two", "published", "ev_two", 8),
            Answered("two", "published", "ev_other", 8),
        ),
    ),
    (
        one_event_for_a_key,
        instead(
            Answered("one", "published", "ev_one", 7), Answered("one", "published", "ev_one", 6)
        ),
    ),
    # The last one, the first one, and all of a channel: no number tells.
    (acknowledged_is_delivered, without(FOUR)),
    (acknowledged_is_delivered, without(got("agent", "c.a", 7, "one", 1))),
    (acknowledged_is_delivered, without(got("spy", "c.a", 1, "four"))),
    (
        acknowledged_is_delivered,
        after(
            got("curl", "c.a", 1, "four"),
            Sent("new", "c.new", "pub", "rest"),
            Answered("new", "published", "ev_new", 1),
            got("spy", "c.new", 1, "new"),
        ),
    ),
    (rejected_never_appears, after(TWO, got("browser", "c.a", 9, "no"))),
    (nothing_from_nowhere, after(TWO, got("browser", "c.a", 9, "never"))),
    (nothing_from_nowhere, instead(TWO, got("browser", "c.b", 8, "two"))),
    (nothing_from_nowhere, after(TWO, got("browser", "c.a", 9, "three"))),
    (
        nothing_from_nowhere,
        after(Ended("member", "not_member"), got("member", "c.secret", 3, "x")),
    ),
    (nothing_from_nowhere, instead(got("curl", "c.b", 3, "perhaps"), got("curl", "c.x", 3, ""))),
    (members_only, after(TWO, got("spy", "c.secret", 2, "secret"))),
    (
        members_only,
        after(
            Answered("hidden", "published", "ev_hidden", 3),
            got("member", "c.secret", 3, "hidden"),
        ),
    ),
    (members_only, after(TWO, Received("spy", "c.secret", "ev_added", 1))),
    (nothing_crosses_tenants, after(TWO, got("stranger", "c.a", 7, "one"))),
    (resumes_are_answered, instead(BACK, msgspec.structs.replace(BACK, recovered=None))),
    (resumes_are_answered, instead(BACK, msgspec.structs.replace(BACK, recovered=False))),
    (no_needless_gap, after(TWO, Gapped("browser", "expired"))),
    (no_needless_gap, without(Struck("flush", "redis", loses=True))),
    (
        presence_folds_to_the_truth,
        instead(Roster("watcher", "user", ("bea",)), Roster("watcher", "user", ())),
    ),
    (
        presence_folds_to_the_truth,
        instead(Roster("core 1", "user", ("bea",)), Roster("core 1", "user", ("ann", "bea"))),
    ),
)


@pytest.mark.parametrize("rule", RULES)
def test_a_good_history_breaks_no_rule(rule: Rule) -> None:
    assert rule(GOOD) == []


@pytest.mark.parametrize(
    ("rule", "change"),
    [
        pytest.param(rule, change, id=f"{rule.__name__}-{number}")
        for number, (rule, change) in enumerate(MUTATIONS)
    ],
)
def test_a_rule_catches_what_breaks_it(rule: Rule, change: Change) -> None:
    history = list(GOOD)
    change(history)
    assert history != list(GOOD)
    assert rule(history) != []


def test_every_rule_has_a_change_that_it_catches() -> None:
    assert {rule for rule, _ in MUTATIONS} == set(RULES)


def test_a_gap_excuses_what_came_to_nobody() -> None:
    history = list(GOOD)
    history.remove(THREE)
    assert acknowledged_is_delivered(history) == []
    assert no_hole(history) == []


def test_a_log_that_began_anew_may_have_an_event_again() -> None:
    history = list(GOOD)
    after(FOUR, THREE)(history)
    assert no_duplicate(history) == []


def test_a_history_is_read_as_it_was_written(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    for record in GOOD:
        history.add(record)
    history.close()
    assert read(history.path) == list(GOOD) == history.records
    assert re.match(r'\{"at":[0-9.]+,"record":\{"type":"Opened"', history.path.read_text())


@pytest.mark.parametrize(
    ("pattern", "channel", "covers"),
    [
        ("c.a", "c.a", True),
        ("c.*", "c.a", True),
        ("c.*", "c.a.b", False),
        ("c.>", "c.a.b", True),
        (">", "c", True),
        ("c.>", "c", False),
        (">", "presence.user.ann", False),
        ("presence.>", "presence.user.ann", True),
    ],
)
def test_patterns_cover_what_the_server_says(pattern: str, channel: str, covers: bool) -> None:
    assert matches(pattern, channel) is covers
