"""The journal: all that is said of answers, on its way into the log, in order and in batches."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from blackroad.core.errors import Rejection
from blackroad.core.log.base import (
    MAX_APPEND_BYTES,
    MAX_APPEND_EVENTS,
    Append,
    Appended,
    Fence,
    Keep,
    Log,
)
from blackroad.core.log.record import Record

NO_HISTORY = Keep(0, 0.0)  # an answer's history is its folded form
OVERHEAD_BYTES = 64
FEW = 8  # records that are less than 1 MiB, whatever they are: an update has at most 64 KiB

Alike = tuple[str, str]
"""The tenant and the last token of the channels of its tasks: rules name no single one."""


class Page(Protocol):
    """One answer, as the journal sees it."""

    @property
    def key(self) -> str:
        """The key of its channel."""
        ...

    @property
    def fence(self) -> int:
        """Who writes it now: the number of the log's `Fence`."""
        ...

    @property
    def ended(self) -> bool:
        """Whether what was written last ends it."""
        ...

    pending: list[Record] | None
    """What was written and is not yet on its way. The journal's own; begins as None."""

    def written(self, records: Sequence[Record], appended: Appended) -> None:
        """Take up that the records are in the log, in this order."""
        ...

    def refused(self, rejection: Rejection) -> None:
        """Take up that they are not: another node has this answer, or the log is away."""
        ...


class Journal:
    """Takes what is said without waiting, and appends what came in one turn of the loop at once.

    The records of one answer keep their order, and are one append where they fit. The events beside
    them keep the order in which they were said, across channels too. Bounded by those who write:
    they await `room` before they take more from their clients.
    """

    def __init__(self, log: Log, max_bytes: int, keep: Callable[[str], Keep]) -> None:
        self._log = log
        self._keep = keep
        self._keeps: dict[Alike, Keep] = {}
        self._max_bytes = max_bytes
        self._pages: list[Page] = []
        self._beside: list[tuple[str, list[Record], Alike | None]] = []
        self._bytes = 0
        self._filled = asyncio.Event()
        self._awaited: list[asyncio.Future[None]] = []
        self._roomy = asyncio.Event()

    def write(self, page: Page, record: Record) -> None:
        """Say one more thing of an answer."""
        if page.pending is None:
            page.pending = [record]
            if not self._pages:
                self._filled.set()
            self._pages.append(page)
        else:
            page.pending.append(record)
        self._bytes += record.size + OVERHEAD_BYTES

    def publish(self, key: str, record: Record, alike: Alike | None = None) -> None:
        """Say something beside the answers, on another channel.

        All channels that are `alike` keep as much history.
        """
        if self._beside and self._beside[-1][0] == key:
            self._beside[-1][1].append(record)
        else:
            if not self._beside:
                self._filled.set()
            self._beside.append((key, [record], alike))
        self._bytes += record.size + OVERHEAD_BYTES

    async def room(self) -> None:
        """Return when there is room."""
        if self._bytes >= self._max_bytes:
            self._roomy.clear()
            await self._roomy.wait()

    async def written(self) -> None:
        """Return when all that was said so far is in the log, or was refused."""
        if self._bytes:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._awaited.append(future)
            self._filled.set()
            await future

    async def run(self) -> None:
        """Append until cancelled."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            awaited, self._awaited = self._awaited, []
            await self._flush()
            for future in awaited:
                if not future.done():
                    future.set_result(None)

    async def _flush(self) -> None:
        taken = self._bytes
        told, appends = self._take()
        results = await self._log.append(appends)
        self._bytes -= taken  # what was said meanwhile still waits
        if self._bytes < self._max_bytes:
            self._roomy.set()
        for page, append, result in zip(told, appends, results, strict=False):
            if isinstance(result, Appended):
                page.written(append.records, result)
            else:
                page.refused(result)

    def _take(self) -> tuple[list[Page], list[Append]]:
        """Take what is pending, to be appended; the pages are those of the first appends."""
        pages, self._pages = self._pages, []
        beside, self._beside = self._beside, []
        told: list[Page] = []
        appends: list[Append] = []
        for page in pages:
            records, page.pending = page.pending or [], None
            fence = Fence(page.fence, page.ended)
            append = Append(page.key, records, NO_HISTORY, None, fence)
            if len(records) < FEW:
                told.append(page)
                appends.append(append)
            else:
                runs = _cut(append)
                told += [page] * len(runs)
                appends += runs
        for key, records, alike in beside:
            append = Append(key, records, self._keep_of(key, alike))
            if len(records) < FEW:
                appends.append(append)
            else:
                appends += _cut(append)
        return told, appends

    def _keep_of(self, key: str, alike: Alike | None) -> Keep:
        """Return how much history a channel keeps."""
        if alike is None:
            return self._keep(key)
        keep = self._keeps.get(alike)
        if keep is None:
            keep = self._keeps[alike] = self._keep(key)
        return keep


def _cut(append: Append) -> list[Append]:
    """Cut an append into such as the log takes; the last of them ends what it is to end."""
    runs: list[list[Record]] = [[]]
    size = 0
    for record in append.records:
        size += record.size
        if runs[-1] and (size > MAX_APPEND_BYTES or len(runs[-1]) == MAX_APPEND_EVENTS):
            runs.append([])
            size = record.size
        runs[-1].append(record)
    begun = Fence(append.fence.attempt) if append.fence else None
    earlier = [Append(append.key, run, append.keep, None, begun) for run in runs[:-1]]
    return [*earlier, Append(append.key, runs[-1], append.keep, None, append.fence)]
