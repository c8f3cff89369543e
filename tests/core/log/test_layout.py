"""Where a channel lies is the same everywhere and for ever, and neighbours lie together."""

import pytest

from blackroad.core.log.layout import partition_of


def test_one_partition_holds_all() -> None:
    assert partition_of("t.a", 1) == 0


def test_names_that_begin_with_the_same_two_tokens_lie_together() -> None:
    keys = [f"t.task.7{rest}" for rest in ("", ".state", ".progress", ".a.b.c")]
    assert len({partition_of(key, 16) for key in keys}) == 1


@pytest.mark.parametrize(
    "key", ["t.task.{}.state", "t.{}", "t.presence.user.{}", "t.client.ada.{}", "{}.room.a"]
)
def test_names_are_spread(key: str) -> None:
    counts = [0] * 8
    for number in range(800):
        counts[partition_of(key.format(number), 8)] += 1
    assert min(counts) > 50


@pytest.mark.parametrize(
    ("key", "partition"), [("default.room.kitchen", 1), ("default.a", 3), ("t.presence.user.a", 4)]
)
def test_the_place_never_changes(key: str, partition: int) -> None:
    assert partition_of(key, 8) == partition
