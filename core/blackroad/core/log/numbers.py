"""What is known of each channel beside its entries, and for how long."""

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from blackroad.core.log.base import Keep
from blackroad.core.log.catalog import Catalog

MAX_RETIRED_AT_ONCE = 1_000  # what is left goes with the next calls


class Channel(msgspec.Struct, gc=False, eq=False):
    """The numbers and the fence of one channel."""

    key: str
    offset: int  # the last one
    sequence: int  # the last one; before the first, the highest that it may have had
    created_ns: int
    updated_ns: int
    trimmed: int  # its highest sequence that the ring no longer has
    retained_bytes: int = 0  # in the ring
    attempt: int = 0
    ended: bool = False
    lane: int = -1


class Channels:
    """The channels of a partition that have numbers.

    A channel is kept for `idle_seconds` after its last event, or for as long as its history can
    have something. At most `limit` are kept: the one that was written the longest ago goes first.
    Of those that went, the highest sequence and offset remain, so that no offset is used twice and
    nobody resumes over what is gone.
    """

    def __init__(self, limit: int, idle_seconds: float, catalog: Catalog) -> None:
        self._catalog = catalog
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._by_key: dict[str, Channel] = {}
        self.get = self._by_key.get  # a channel by its key; None where it has no numbers
        # By how long they are kept: idle_seconds times a power of two. The latest written is last.
        self._lanes: list[OrderedDict[str, Channel]] = [OrderedDict()]
        self.dropped_sequence = 0
        self.dropped_offset = 0

    def __len__(self) -> int:
        return len(self._by_key)

    def create(self, key: str, now_ns: int) -> Channel:
        """Return a new channel, which continues after all that were dropped."""
        before = self.dropped_sequence
        channel = Channel(key, self.dropped_offset, before, now_ns, now_ns, before)
        self._by_key[key] = channel
        self._catalog.add(key)
        return channel

    def touch(self, channel: Channel, keep: Keep) -> None:
        """Note that the channel was written now, under this policy."""
        lane = self._lane(keep) if keep.seconds > self._idle_seconds else 0
        if lane != channel.lane:
            if channel.lane >= 0:
                del self._lanes[channel.lane][channel.key]
            channel.lane = lane
            self._lanes[lane][channel.key] = channel
        else:
            self._lanes[lane].move_to_end(channel.key)

    def since(self, sequence: int) -> Iterator[Channel]:
        """Yield the channels that were written after a sequence."""
        for lane in self._lanes:
            for channel in reversed(lane.values()):
                if channel.sequence <= sequence:
                    break
                yield channel

    def retired(self, now_ns: int) -> list[Channel]:
        """Drop, and return, channels whose time is over or that are too many."""
        gone: list[Channel] = []
        for number, lane in enumerate(self._lanes):
            kept_ns = int((self._idle_seconds * 2**number) * 1e9)
            while lane and len(gone) < MAX_RETIRED_AT_ONCE:
                oldest = next(iter(lane.values()))
                if oldest.updated_ns + kept_ns > now_ns:
                    break
                gone.append(self._drop(oldest))
        while len(self._by_key) > self._limit:
            gone.append(self._drop(self._oldest()))
        return gone

    def _oldest(self) -> Channel:
        firsts = (next(iter(lane.values())) for lane in self._lanes if lane)
        return min(firsts, key=lambda channel: channel.sequence)

    def _drop(self, channel: Channel) -> Channel:
        del self._lanes[channel.lane][channel.key]
        del self._by_key[channel.key]
        self._catalog.drop()
        self.dropped_sequence = max(self.dropped_sequence, channel.sequence)
        self.dropped_offset = max(self.dropped_offset, channel.offset)
        return channel

    def _lane(self, keep: Keep) -> int:
        """Return the number of the lane of channels with this policy; make it where it is new."""
        number, seconds = 0, self._idle_seconds
        wanted = keep.seconds if keep.events > 0 else 0.0
        while seconds < wanted:
            number, seconds = number + 1, seconds * 2
        while len(self._lanes) <= number:
            self._lanes.append(OrderedDict())
        return number
