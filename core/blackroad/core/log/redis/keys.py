"""The names of all that lies in the server: the only place that makes keys."""

from typing import Final

PARTS: Final = (
    "log",  # stream of entries, by epoch-sequence
    "meta",  # hash: epoch, sequence, and what the partition knows of itself
    "channels",  # hash: the numbers of each channel, packed
    "idle",  # sorted set: channels by when their numbers may go
    "segments",  # list: what was added to the log between two places, packed
    "open",  # hash: the bytes by channel of the segment that is being filled
    "requests:0",  # hashes: first answers to requests that may be repeated; they rotate
    "requests:1",
    "punched",  # hash: the last sequence that a channel had to give up before its time
    "nodes",  # hash: the last batch of each node, and what it was answered
    "beat",  # stream of canaries
    "control",  # stream of entries of lasting types, kept until they are folded
    "folded",  # hash: what the folded ones have made of each channel
    "histories",  # sorted set: channels with a history by when they were last written, about
)


class Keys:
    """The keys of one partition, all in one slot. Channels' keys have their tenant in front."""

    def __init__(self, prefix: str, partition: int) -> None:
        self._tag = f"{prefix}:{{{prefix}-{partition}}}"
        self.all = tuple(f"{self._tag}:{part}" for part in PARTS)
        self.log, self.meta, self.channels = self.all[0], self.all[1], self.all[2]
        self.punched, self.beat, self.control = self.all[8], self.all[10], self.all[11]
        self.folded = self.all[12]

    def history(self, channel: str) -> str:
        """Return the key of a channel's history."""
        return f"{self._tag}:history:{channel}"

    def account(self, whose: str) -> str:
        """Return the key of what somebody has used of a rate."""
        return f"{self._tag}:account:{whose}"


def layout_key(prefix: str) -> str:
    """Return the key of the number of partitions."""
    return f"{prefix}:layout"
