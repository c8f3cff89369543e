"""What the tests of the contract do again and again."""

import asyncio
from collections.abc import Iterable, Sequence

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import (
    Append,
    Appended,
    Fence,
    GapReason,
    Keep,
    Log,
    Visible,
)
from blackroad.core.log.entry import Entry, Positions
from blackroad.core.log.record import Record
from blackroad.realtime.v1 import event_pb2

# Channels whose names begin with the same two tokens lie in one partition.
ROOM = "acme.room.kitchen"
OTHER = "acme.room.kitchen.aside"
ALL = "acme.room.>"
NONE = Keep(events=0)


def everything(key: str) -> bool:
    """Show every channel."""
    return key != ""


def record(text: str, *, expires_ns: int = 0) -> Record:
    """Return an event to append, whose id and text are the same."""
    return Record(text, "message", event_pb2.Event(text=text).SerializeToString(), expires_ns)


def request(
    key: str,
    *texts: str,
    keep: Keep = Keep(),  # noqa: B008 - frozen
    expected_offset: int | None = None,
    fence: Fence | None = None,
    idempotency: tuple[str, str] | None = None,
) -> Append:
    """Return an append of one event for each text."""
    records = [record(text) for text in texts]
    return Append(key, records, keep, expected_offset, fence, idempotency)


async def put(log: Log, append: Append) -> Appended:
    """Append alone, successfully, and return when `heads` covers it."""
    (answer,) = await log.append([append])
    assert isinstance(answer, Appended), answer
    await handed_on(log, answer)
    return answer


async def say(log: Log, key: str, *texts: str) -> Appended:
    """Append one event for each text."""
    return await put(log, request(key, *texts))


async def refused(log: Log, append: Append) -> Rejection:
    """Append alone, in vain."""
    (answer,) = await log.append([append])
    assert isinstance(answer, Rejection), answer
    return answer


async def code_of(log: Log, append: Append) -> Code:
    """Append alone, in vain, and return why."""
    return (await refused(log, append)).code


async def handed_on(log: Log, answer: Appended) -> None:
    """Return when `heads` covers what was appended."""
    async with asyncio.timeout(5):
        while log.heads()[answer.partition] < answer.position:  # noqa: ASYNC110 - no event says it
            await asyncio.sleep(0.001)


def text_of(entry: Entry) -> str:
    """Return what the event says."""
    return event_pb2.Event.FromString(entry.body).text


def texts(entries: Iterable[Entry]) -> list[str]:
    """Return what the events say, in their order."""
    return [text_of(entry) for entry in entries]


async def page(
    log: Log,
    topics: Sequence[str],
    after: Positions,
    until: Positions,
    *,
    max_bytes: int = 1 << 20,
    visible: Visible = everything,
) -> tuple[Sequence[Entry], Positions]:
    """Read one page, fetching it where that is needed."""
    answer = log.read(topics, after, until, max_bytes, visible)
    if answer is None:
        assert await log.fetch(topics, after, until) is None
        answer = log.read(topics, after, until, max_bytes, visible)
    assert answer is not None
    assert not isinstance(answer, GapReason), answer
    return answer.entries, answer.reached


async def catch_up(
    log: Log,
    topics: Sequence[str],
    after: Positions,
    *,
    until: Positions | None = None,
    max_bytes: int = 1 << 20,
    visible: Visible = everything,
) -> list[Entry]:
    """Read page after page, as a session does that catches up."""
    until = until or log.heads()
    entries: list[Entry] = []
    while after != until:
        found, reached = await page(log, topics, after, until, max_bytes=max_bytes, visible=visible)
        assert reached != after, "no progress"
        assert all(new >= old for new, old in zip(reached, after, strict=True))
        entries += found
        after = reached
    return entries


async def gap(log: Log, topics: Sequence[str], after: Positions) -> GapReason | None:
    """Return why there is a gap, as all three ways to ask must agree; None where there is none."""
    reason = log.missing(topics, after)
    assert await log.fetch(topics, after, log.heads()) == reason
    answer = log.read(topics, after, log.heads(), 1 << 20, everything)
    assert (answer if isinstance(answer, GapReason) else None) == reason
    return reason
