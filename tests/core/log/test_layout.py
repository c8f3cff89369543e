"""Where a channel lies is the same everywhere and for ever, and neighbours lie together."""

import pytest

from blackroad.core.log.layout import partition_of, partitions_of


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


@pytest.mark.parametrize(
    ("topic", "count"),
    [
        ("t.task.7", 1),
        ("t.task.7.*", 1),
        ("t.task.7.>", 1),
        ("t.presence.user.ada", 1),
        ("t.task.*", 16),
        ("t.task.>", 16),
        ("t.*.7.state", 16),
        ("t.>", 16),
        (">", 16),
        ("t.presence.user.*", 16),
        ("t.client.ada.>", 16),
    ],
)
def test_a_topic_lies_in_one_partition_or_may_in_all(topic: str, count: int) -> None:
    assert len(partitions_of(topic, 16)) == count
    assert list(partitions_of(topic, 1)) == [0]


@pytest.mark.parametrize(
    ("topic", "key"), [("t.task.7.>", "t.task.7.a.b"), ("t.task.7.*", "t.task.7.state")]
)
def test_what_a_pattern_matches_lies_where_it_says(topic: str, key: str) -> None:
    assert partition_of(key, 16) in partitions_of(topic, 16)
