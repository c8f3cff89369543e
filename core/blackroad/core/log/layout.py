"""How channels are spread over partitions: by the hash of the first tokens of their names."""

from zlib import crc32

HASHED_TOKENS = 2  # of the name, so that neighbouring channels of one thing share an order
SPREAD_WHOLE = frozenset({"presence", "client"})  # names under these are hashed as a whole


def partition_of(key: str, partitions: int) -> int:
    """Return the number of the partition that a channel lies in, as every node computes it."""
    if partitions == 1:
        return 0
    tokens = key.split(".", HASHED_TOKENS + 1)
    hashed = key if tokens[1] in SPREAD_WHOLE else ".".join(tokens[: HASHED_TOKENS + 1])
    return crc32(hashed.encode()) % partitions
