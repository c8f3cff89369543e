"""What somebody has used of a rate at all nodes together, where the log's server keeps it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Use(NamedTuple):
    """What one node has to say of an account since it last did."""

    whose: str  # of the letters of a channel's name, the tenant in front
    token_seconds: float  # after which one more may be used
    burst: int
    per_minute: int  # 0: as many as come
    used: int
    pause_seconds: float  # for which nothing more is to be used


class Standing(NamedTuple):
    """How an account stands, all nodes together."""

    full_seconds: float  # until all of the burst is left; more than it has is owed
    left: int  # of the minute, where there is such a limit
    more_seconds: float  # until more of the minute is left
    pause_seconds: float


class Accounts(Protocol):
    """Keeps accounts for all nodes. One that is full is forgotten."""

    async def settle(self, uses: Sequence[Use]) -> list[Standing]:
        """Add what was used; return how each stands then.

        At most a burst is owed: what was used beyond that is forgiven. Raises `Rejection` where the
        server cannot be asked: then it may or may not have been added.
        """
        ...
