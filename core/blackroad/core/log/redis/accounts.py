"""Accounts of rates in the server, each in the slot of a partition."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final
from zlib import crc32

import msgspec

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.accounts import Standing, Use
from blackroad.core.log.redis.asker import Asker
from blackroad.core.log.redis.link import AwayError, RefusedError, Word

_ANSWERS: Final = msgspec.msgpack.Decoder(list[tuple[float, int, float, float]])
_MICROS: Final = 1e6


class RedisAccounts:
    """`Accounts` that all nodes of a server share."""

    def __init__(self, askers: Sequence[Asker]) -> None:
        self._askers = askers

    async def settle(self, uses: Sequence[Use]) -> list[Standing]:
        """Add what was used; see `Accounts`."""
        places: defaultdict[int, list[int]] = defaultdict(list)
        for place, use in enumerate(uses):
            places[crc32(use.whose.encode()) % len(self._askers)].append(place)
        standing: dict[int, Standing] = {}
        for number, of_partition in places.items():
            own = [uses[place] for place in of_partition]
            answers = await self._settle(self._askers[number], own)
            standing |= zip(of_partition, answers, strict=True)
        return [standing[place] for place in range(len(uses))]

    async def _settle(self, asker: Asker, uses: Sequence[Use]) -> list[Standing]:
        words: list[Word] = []
        for use in uses:
            words += (
                repr(use.token_seconds * _MICROS),
                use.burst,
                use.per_minute,
                use.used,
                int(use.pause_seconds * _MICROS),
            )
        try:
            packed = await asker.settle([use.whose for use in uses], words)
        except (AwayError, RefusedError) as error:
            raise Rejection(Code.UNAVAILABLE, "the accounts cannot be asked now") from error
        return [
            Standing(full / _MICROS, left, more / _MICROS, paused / _MICROS)
            for full, left, more, paused in _ANSWERS.decode(packed)
        ]
