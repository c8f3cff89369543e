"""How channels are spread over partitions: by the hash of the first tokens of their names."""

from collections.abc import Sequence
from zlib import crc32

from blackroad.core.names import is_pattern

HASHED_TOKENS = 2  # of the name, so that neighbouring channels of one thing share an order
SPREAD_WHOLE = frozenset({"presence", "client"})  # names under these are hashed as a whole


def partition_of(key: str, partitions: int) -> int:
    """Return the number of the partition that a channel lies in, as every node computes it."""
    if partitions == 1:
        return 0
    tokens = key.split(".", HASHED_TOKENS + 1)
    hashed = key if tokens[1] in SPREAD_WHOLE else ".".join(tokens[: HASHED_TOKENS + 1])
    return crc32(hashed.encode()) % partitions


def partitions_of(topic: str, partitions: int) -> Sequence[int]:
    """Return the partitions in which what a name or pattern matches may lie."""
    if not is_pattern(topic):
        return (partition_of(topic, partitions),)
    tokens = topic.split(".")
    hashed = tokens[: HASHED_TOKENS + 1]
    together = len(tokens) > len(hashed) and not any(token in {"*", ">"} for token in hashed)
    if partitions > 1 and (not together or hashed[1] in SPREAD_WHOLE):
        return range(partitions)
    return (partition_of(topic, partitions),)
