"""Where the records are kept: those that are here, and for a while those that went."""

from collections.abc import Iterator
from itertools import takewhile
from typing import Protocol

from blackroad.core.log.catalog import Catalog
from blackroad.core.presence.record import Record


class Records(Protocol):
    """Keeps records by key, and lists them in the order of their keys."""

    def get(self, key: str) -> Record | None:
        """Return a record, here or gone; None where it is not known."""
        ...

    def arrive(self, record: Record) -> None:
        """Keep a record that has its first session. Idempotent."""
        ...

    def depart(self, record: Record) -> None:
        """Keep a record that lost its last session, for a while. Idempotent."""
        ...

    def gone_since(self, time_ns: int) -> Iterator[Record]:
        """Yield the known records that were last here after a time, the latest first."""
        ...

    def page(self, pattern: str, after: str, limit: int, *, gone: bool = False) -> list[Record]:
        """Return up to `limit` records that match, after a key, in order; here, or `gone`."""
        ...

    def __len__(self) -> int:
        """Return how many are here."""
        ...


class MemoryRecords:
    """Records in this process. Of those gone, the latest `remembered`."""

    def __init__(self, remembered: int = 10_000) -> None:
        self._remembered = remembered
        self._here = _Shelf()
        self._gone = _Shelf()

    def __len__(self) -> int:
        return len(self._here.records)

    def get(self, key: str) -> Record | None:
        """Return a record, here or gone."""
        return self._here.records.get(key) or self._gone.records.get(key)

    def arrive(self, record: Record) -> None:
        """Keep a record among those that are here."""
        self._gone.drop(record.key)
        self._here.add(record)

    def depart(self, record: Record) -> None:
        """Keep a record among those that went; of too many, forget the one that went first."""
        self._here.drop(record.key)
        self._gone.add(record)
        if len(self._gone.records) > self._remembered:
            self._gone.drop(next(iter(self._gone.records)))

    def gone_since(self, time_ns: int) -> Iterator[Record]:
        """Yield those that went since a time, the latest first."""
        latest = reversed(self._gone.records.values())
        return takewhile(lambda record: record.seen_ns >= time_ns, latest)

    def page(self, pattern: str, after: str, limit: int, *, gone: bool = False) -> list[Record]:
        """Return up to `limit` records after a key, in order."""
        return (self._gone if gone else self._here).page(pattern, after, limit)


class _Shelf:
    __slots__ = ("_catalog", "records")

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self._catalog = Catalog(self.records.__contains__)

    def add(self, record: Record) -> None:
        if record.key not in self.records:
            self.records[record.key] = record
            self._catalog.add(record.key)

    def drop(self, key: str) -> None:
        if self.records.pop(key, None) is not None:
            self._catalog.drop()

    def page(self, pattern: str, after: str, limit: int) -> list[Record]:
        return [self.records[key] for key in self._catalog.page(pattern, after, limit)]
