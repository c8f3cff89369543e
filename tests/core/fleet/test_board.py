"""The board: every node folds the same items in the same order."""

from blackroad.core.clock import SystemClock
from blackroad.core.fleet.board import Board, Change
from blackroad.core.fleet.words import Items
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings


def board(*, alone: bool = False) -> tuple[Board, list[Change]]:
    """Return a board of the node `me`, and what it tells of the topic `t`."""
    told: list[Change] = []
    made = Board(MemoryLog(MemoryLogSettings(), SystemClock()), "me", alone=alone)
    made.listen("t", told.append)
    return made, told


def said(told: list[Change]) -> list[tuple[str, str, bytes | None]]:
    return [(change.node, change.key, change.value) for change in told]


def test_whoever_is_alone_hears_itself_at_once() -> None:
    alone, told = board(alone=True)
    alone.put("t", "k", b"v")
    alone.drop("t", "k")
    assert [(change.value, change.mine) for change in told] == [(b"v", True), (None, True)]


def test_each_change_of_another_node_is_told_once() -> None:
    mine, told = board()
    for value in (b"1", b"1", b"2", None, None):
        mine.take(Items("other", [("t", "k", value)]), 1)
    assert said(told) == [("other", "k", b"1"), ("other", "k", b"2"), ("other", "k", None)]


def test_what_is_not_among_all_that_a_node_has_is_gone() -> None:
    mine, told = board()
    mine.take(Items("other", [("t", "a", b""), ("t", "b", b"")]), 1)
    told.clear()
    mine.take(Items("other", [("t", "b", b"")], first=True), 2)
    mine.take(Items("other", [("t", "c", b"")], last=True), 3)
    assert said(told) == [("other", "c", b""), ("other", "a", None)]


def test_all_items_of_a_lost_node_go_with_it() -> None:
    mine, told = board()
    mine.take(Items("other", [("t", "a", b""), ("t", "b", b"")]), 1)
    told.clear()
    mine.lose("other", 2, heir="me")
    mine.lose("other", 3, heir="me")
    assert [(change.key, change.lost, change.mine) for change in told] == [
        ("a", True, True),
        ("b", True, True),
    ]


def test_every_other_node_that_has_an_item_claims_it() -> None:
    mine, _ = board()
    mine.put("t", "a", b"own")
    mine.take(Items("one", [("t", "a", b"1")]), 1)
    mine.take(Items("two", [("t", "a", b"2"), ("t", "b", b"")]), 2)
    assert list(mine.claims("t", "a")) == [("one", b"1"), ("two", b"2")]
    mine.lose("one", 3, heir="me")
    assert list(mine.claims("t", "a")) == [("two", b"2")]


def test_what_mends_a_miss_is_told_as_such_and_to_some_also_where_nothing_changed() -> None:
    mine, told = board()
    seats: list[Change] = []
    mine.listen("seat", seats.append, again=True)
    mine.take(Items("other", [("t", "old", b""), ("t", "k", b"1"), ("seat", "s", b"1")]), 1)
    mine.take(Items("other", [("t", "k", b"2")]), 2, missed=True)
    assert not any(change.anew for change in told), "it is said for the first time"
    told.clear()
    seats.clear()
    every = [("t", "k", b"2"), ("t", "new", b""), ("seat", "s", b"1")]
    mine.take(Items("other", [*every], first=True, last=True), 3, missed=True)
    assert [(one.key, one.value, one.anew) for one in told] == [
        ("new", b"", True),
        ("old", None, True),
    ]
    assert [(one.key, one.value, one.anew) for one in seats] == [("s", b"1", True)]
    told.clear()
    mine.take(Items("other", [("t", "k", b"3")], first=True, last=True), 4)
    assert [(one.key, one.value, one.anew) for one in told] == [
        ("k", b"3", False),
        ("new", None, False),
    ]
