"""Sorted keys stay sorted and current, by few insertions and by many."""

import pytest

from blackroad.core.log.catalog import Catalog


@pytest.mark.parametrize("count", [1, 10, 64, 65, 3_000])
def test_keys_added_between_pages_are_in_their_order(count: int) -> None:
    alive = {f"t.{number}" for number in range(0, 2 * count, 2)}
    catalog = Catalog(alive.__contains__)
    for key in alive:
        catalog.add(key)
    assert catalog.page("t.*", "", 1 << 20) == sorted(alive)
    more = {f"t.{number}" for number in range(1, 2 * count, 2)}
    alive |= more
    for key in more:
        catalog.add(key)
    assert catalog.page("t.*", "", 1 << 20) == sorted(alive)


def test_keys_that_ceased_are_swept_out() -> None:
    alive: set[str] = set()
    catalog = Catalog(alive.__contains__)
    for number in range(20_000):
        alive.add(f"t.{number}")
        catalog.add(f"t.{number}")
        if number >= 10:
            alive.discard(f"t.{number - 10}")
            catalog.drop()
    assert len(catalog) < 2_000
    assert catalog.page("t.*", "", 100) == sorted(alive)


def test_a_literal_beginning_bounds_what_is_looked_at() -> None:
    looked: list[str] = []

    def alive(key: str) -> bool:
        looked.append(key)
        return True

    catalog = Catalog(alive)
    for number in range(1_000):
        catalog.add(f"t.a.{number}")
        catalog.add(f"t.b.{number}")
        catalog.add(f"t.b-{number}")
    assert len(catalog.page("t.b.>", "t.b.5", 10)) == 10
    assert len(looked) == 10


@pytest.mark.parametrize("listed", [False, True])
def test_sweeping_costs_a_few_looks_for_each_key_however_many_live(listed: bool) -> None:
    kept, more, looks = 20_000, 60_000, 0
    alive: set[str] = set()

    def lives(key: str) -> bool:
        nonlocal looks
        looks += 1
        return key in alive

    catalog = Catalog(lives)
    for number in range(kept + more):
        alive.add(f"t.{number}")
        catalog.add(f"t.{number}")
        if number == kept and listed:
            catalog.page("none.>", "", 1)
        if number >= kept:
            alive.discard(f"t.{number - kept}")
            catalog.drop()
    assert looks < 4 * more
    assert len(catalog) < 3 * kept
