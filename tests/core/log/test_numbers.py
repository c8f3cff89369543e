"""Which channels are kept, for how long, and which goes first."""

from blackroad.core.log.base import Keep
from blackroad.core.log.catalog import Catalog
from blackroad.core.log.numbers import MAX_RETIRED_AT_ONCE, Channels

SECOND = 1_000_000_000
DAY = Keep(seconds=86_400)


class Writer:
    """Writes to channels as a partition does."""

    def __init__(self, limit: int = 100) -> None:
        self.channels = Channels(limit, 3_600, Catalog(bool))
        self.sequence = 0

    def write(self, key: str, now_ns: int = 0, keep: Keep = Keep()) -> None:  # noqa: B008
        """Append one event."""
        channel = self.channels.get(key) or self.channels.create(key, now_ns)
        self.sequence += 1
        channel.sequence = self.sequence
        channel.offset += 1
        channel.updated_ns = now_ns
        self.channels.touch(channel, keep)

    def retired(self, now_ns: int = 0) -> list[str]:
        """Return the keys of channels that go now."""
        return [channel.key for channel in self.channels.retired(now_ns)]


def test_only_channels_written_after_a_sequence_are_looked_at() -> None:
    writer = Writer()
    for key, keep in [("a", DAY), ("b", Keep()), ("c", DAY), ("d", Keep()), ("a", DAY)]:
        writer.write(key, keep=keep)
    assert sorted(channel.key for channel in writer.channels.since(3)) == ["a", "d"]
    assert list(writer.channels.since(5)) == []


def test_the_one_longest_idle_goes_first_whatever_its_history_is() -> None:
    writer = Writer(limit=2)
    for key, keep in [("a", DAY), ("b", Keep()), ("c", Keep())]:
        writer.write(key, keep=keep)
    assert writer.retired() == ["a"]
    writer.write("d", keep=DAY)
    assert writer.retired() == ["b"]
    assert (writer.channels.dropped_sequence, writer.channels.dropped_offset) == (2, 1)


def test_a_long_history_does_not_hold_up_the_others() -> None:
    writer = Writer()
    writer.write("long", 0, DAY)
    writer.write("short", SECOND)
    assert writer.retired(3_602 * SECOND) == ["short"]
    assert writer.retired(86_399 * SECOND) == []
    assert writer.retired(2 * 86_400 * SECOND) == ["long"]


def test_a_channel_whose_policy_changes_changes_its_time() -> None:
    writer = Writer()
    writer.write("a", 0)
    writer.write("a", 0, DAY)
    assert writer.retired(3_601 * SECOND) == []
    writer.write("a", 3_601 * SECOND)
    assert writer.retired(7_201 * SECOND) == ["a"]


def test_many_go_in_portions() -> None:
    writer = Writer(limit=10_000)
    for number in range(MAX_RETIRED_AT_ONCE + 5):
        writer.write(str(number))
    assert len(writer.retired(3_600 * SECOND)) == MAX_RETIRED_AT_ONCE
    assert len(writer.retired(3_600 * SECOND)) == 5
