"""The journal: all that is said of answers, on its way into the log, in order and in batches."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import msgspec

from blackroad.core.errors import Code, Rejection
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

AWAY: Final = frozenset({Code.UNAVAILABLE, Code.UNKNOWN})
AGAIN_SECONDS: Final = 0.2
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
    def offset(self) -> int:
        """Of the last that is known to be in the log; 0 before the first."""
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
        """Take up that they are not: another node has this answer, or ended it."""
        ...


class Journal:
    """Takes what is said without waiting, and appends what came in one turn of the loop at once.

    The records of one answer keep their order, and are one append where they fit. The events beside
    them keep the order in which they were said, across channels too. Bounded by those who write:
    they await `room` before they take more from their clients.

    While the log is away what was said waits. What may be there or not is looked for when it is
    back: nothing is said twice, and nothing after something that is missing.
    """

    def __init__(self, log: Log, max_bytes: int, keep: Callable[[str], Keep]) -> None:
        self._log = log
        self._keep = keep
        self._keeps: dict[Alike, Keep] = {}
        self._max_bytes = max_bytes
        self._pages: list[Page] = []
        self._beside: list[tuple[str, list[Record], Alike | None]] = []
        self._doubted: dict[Page, int] = {}  # and how many of its first pending may be in the log
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
            if self._doubted:
                await self._look_again()
            if not await self._flush() or self._doubted:
                self._awaited = awaited + self._awaited
                self._filled.set()
                await asyncio.sleep(AGAIN_SECONDS)
                continue
            for future in awaited:
                if not future.done():
                    future.set_result(None)

    async def _flush(self) -> bool:
        """Append what was said; tell whether the log was there for all of it."""
        taken = self._bytes - sum(_size(page.pending or ()) for page in self._doubted)
        told, appends = self._take()
        results = await self._log.append(appends)
        failed: dict[Page, list[Record]] = {}
        for page, append, result in zip(told, appends, results, strict=False):
            if isinstance(result, Rejection) and result.code in AWAY:
                failed.setdefault(page, []).extend(append.records)
            elif isinstance(result, Rejection):
                page.refused(result)
            elif page in failed:
                page.refused(Rejection(Code.CONFLICT, "the log has a later part, but no earlier"))
            else:
                page.written(append.records, result)
        left = [
            (append.key, list(append.records), None)
            for append, result in zip(appends[len(told) :], results[len(told) :], strict=True)
            if isinstance(result, Rejection) and result.code is Code.UNAVAILABLE
        ]
        kept = sum(_size(records) for records in (*failed.values(), *(one for _, one, _ in left)))
        self._release(taken - kept)  # what was said meanwhile still waits
        self._beside[:0] = left
        for page, records in failed.items():
            self._doubt(page, records)
        return not (failed or left)

    def _release(self, size: int) -> None:
        self._bytes -= size
        if self._bytes < self._max_bytes:
            self._roomy.set()

    def _doubt(self, page: Page, records: list[Record]) -> None:
        """Keep what may be in the log or not, before what was said since."""
        if page.pending is not None:
            self._pages.remove(page)
            records += page.pending
        self._doubted[page] = len(records) - len(page.pending or ())
        page.pending = records

    async def _look_again(self) -> None:
        """Find out how much the log has of what may be there; the rest is to be written."""
        pages = list(self._doubted)
        looks = [
            Append(page.key, [], NO_HISTORY, None, Fence(page.fence), told=False) for page in pages
        ]
        for page, found in zip(pages, await self._log.append(looks), strict=True):
            if isinstance(found, Appended):
                self._go_on(page, found)
            elif found.code not in AWAY:
                self._give_up(page, found)

    def _go_on(self, page: Page, found: Appended) -> None:
        """Go on after what the log is found to have."""
        pending = page.pending or []
        there = found.first_offset - 1 - page.offset
        if not 0 <= there <= self._doubted[page]:
            self._give_up(page, Rejection(Code.CONFLICT, "the log has lost some of it"))
            return
        del self._doubted[page]
        said, page.pending = pending[:there], pending[there:] or None
        if page.pending is not None:
            self._pages.append(page)
        self._release(_size(said))
        if said:
            page.written(said, msgspec.structs.replace(found, first_offset=page.offset + 1))

    def _give_up(self, page: Page, rejection: Rejection) -> None:
        del self._doubted[page]
        pending, page.pending = page.pending or [], None
        self._release(_size(pending))
        page.refused(rejection)

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


def _size(records: Sequence[Record]) -> int:
    return sum([record.size + OVERHEAD_BYTES for record in records])


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
