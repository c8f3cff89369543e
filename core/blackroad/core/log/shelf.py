"""A shelf: values by name, kept in the log for a time, and changed by one at a time."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Append, Keep, Log
from blackroad.core.log.record import Record

TENANT: Final = "~"  # no tenant may be called so
TYPE: Final = "shelved"


class Item(NamedTuple):
    """What lies under a name. Who changes it says its offset, so that it is still the same."""

    value: bytes
    offset: int


class Shelf:
    """Each value is the one event of a channel that nobody follows; the log's guard keeps order.

    All nodes of a log share it. Everything raises `Rejection`: UNAVAILABLE where nothing was done,
    UNKNOWN where it may have been.
    """

    def __init__(self, log: Log, topic: str) -> None:
        self._log = log
        self._prefix = f"{TENANT}.client.{topic}-"

    async def get(self, name: str) -> Item | None:
        """Return what lies there. `name` is of the letters of a channel's token."""
        page = await self._log.history(self._prefix + name, 1)
        return Item(page.entries[0].body, page.entries[0].offset) if page.entries else None

    async def look(self, name: str) -> Item:
        """Return what lies there, empty where nothing does, so that it can be swapped."""
        # In this order: what is laid there in between is seen, or its offset is not expected.
        state = await self._log.state(self._prefix + name)
        item = await self.get(name)
        return item or Item(b"", state.last_offset if state is not None else 0)

    async def put(self, name: str, value: bytes, seconds: float) -> int:
        """Lay a value there for so long, whatever lay there before; return its offset."""
        offset = await self._write(name, value, Keep(1, seconds), None)
        if offset is None:
            raise Rejection(Code.UNAVAILABLE, "the log refused it")
        return offset

    async def put_all(self, values: Sequence[tuple[str, bytes]], seconds: float) -> None:
        """Lay values there for so long, whatever lay there; with no seconds, take them away.

        Raises the first refusal after all were tried.
        """
        keep = Keep(1, seconds) if seconds > 0 else Keep(0, 0.0)
        appends = [self._append(name, value, keep, None) for name, value in values]
        for answer in await self._log.append(appends):
            if isinstance(answer, Rejection):
                raise answer

    async def swap(self, name: str, offset: int, value: bytes, seconds: float) -> int | None:
        """Lay a value in the place of the one of this offset, for so long.

        Return its own offset; None where another has come before.
        """
        return await self._write(name, value, Keep(1, seconds), offset)

    async def take(self, name: str, offset: int) -> bool:
        """Take away the value of this offset; False where another has. Of all one gets True."""
        return await self._write(name, b"", Keep(0, 0.0), offset) is not None

    async def _write(self, name: str, value: bytes, keep: Keep, expected: int | None) -> int | None:
        (answer,) = await self._log.append([self._append(name, value, keep, expected)])
        if not isinstance(answer, Rejection):
            return answer.last_offset
        if answer.code is Code.CONFLICT:
            return None
        raise answer

    def _append(self, name: str, value: bytes, keep: Keep, expected: int | None) -> Append:
        record = Record("", TYPE, value)
        return Append(self._prefix + name, [record], keep, expected, told=False)
