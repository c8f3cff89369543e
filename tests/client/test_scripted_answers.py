"""Answers on a stream that is cut, late or wrong exactly when the test says."""

import asyncio

import pytest

from blackroad.client import (
    AnswerFailed,
    Cancelled,
    Client,
    Finished,
    Gap,
    Queued,
    Snapshot,
    Started,
    Text,
    UnknownOutcome,
    Usage,
)
from blackroad.client.answer import MAX_FRAMES
from blackroad.realtime.v1 import event_pb2, stream_pb2
from tests.client.answer_frames import collect, delta, finished, started
from tests.client.scripted import OpenWire, scripted


async def test_an_answer_is_its_parts_in_order() -> None:
    async def core(wire: OpenWire) -> None:
        request = await wire.read()
        assert request.start.target.agent == "A"
        assert request.start.text == "hi"
        queued = event_pb2.AnswerQueued(position=2)
        await wire.write(
            stream_pb2.OpenResponse(
                request_id=request.request_id, stream_id="s1", cursor="c", queued=queued
            ),
            started(request),
            stream_pb2.OpenResponse(
                batch=stream_pb2.OpenResponseBatch(
                    frames=[delta(request, 1, "h"), delta(request, 2, "i"), finished(request)]
                )
            ),
        )

    async with asyncio.timeout(10), scripted(opens=[core]) as url:
        assert await collect(url) == [
            Queued(2),
            Started("A", "m", 1),
            Text("h"),
            Text("i"),
            Finished("stop", "", Usage(1, 2)),
        ]


async def test_a_cut_answer_goes_on_where_it_was() -> None:
    async def first(wire: OpenWire) -> None:
        request = await wire.read()
        await wire.write(started(request), delta(request, 1, "one "))
        await wire.cut()

    async def second(wire: OpenWire) -> None:
        request = await wire.read()
        assert (request.join.stream_id, request.join.cursor) == ("s1", "c1")
        await wire.write(delta(request, 2, "two"), finished(request))

    async with (
        asyncio.timeout(10),
        scripted(opens=[first, second]) as url,
        Client(url) as client,
    ):
        assert await client.invoke("A", "hi").text() == "one two"


async def test_a_cut_before_the_first_word_of_an_invocation_is_not_started_twice() -> None:
    async def first(wire: OpenWire) -> None:
        await wire.read()
        await wire.cut()

    async def second(wire: OpenWire) -> None:
        request = await wire.read()
        assert request.start.text == "again"
        await wire.write(started(request), finished(request))

    async with (
        asyncio.timeout(10),
        scripted(opens=[first, second]) as url,
        Client(url) as client,
    ):
        with pytest.raises(UnknownOutcome):
            await client.invoke("A", "hi").text()
        assert await client.invoke("A", "again").text() == ""


async def test_many_answers_share_one_stream_and_their_frames_are_joined() -> None:
    batches: list[int] = []

    async def core(wire: OpenWire) -> None:
        requests = [await wire.read() for _ in range(64)]
        batches.extend(wire.batches)
        for request in reversed(requests):
            stream_id = f"s{request.request_id}"
            text = request.start.text
            await wire.write(
                started(request, stream_id),
                delta(request, 1, text, stream_id),
                finished(request, stream_id),
            )

    async with asyncio.timeout(10), scripted(opens=[core]) as url, Client(url) as client:
        answers = [client.invoke("A", str(number)) for number in range(64)]
        texts = await asyncio.gather(*(answer.text() for answer in answers))
    assert texts == [str(number) for number in range(64)]
    assert len(batches) < 8


async def test_a_caller_that_does_not_read_is_bounded_and_loses_nothing() -> None:
    count = MAX_FRAMES * 2
    sent = asyncio.Event()

    async def core(wire: OpenWire) -> None:
        request = await wire.read()
        await wire.write(started(request))
        await wire.write(*(delta(request, number, f"{number} ") for number in range(1, count)))
        sent.set()
        again = await wire.read()
        assert again.join.stream_id == "s1"
        begin = int(again.join.cursor.removeprefix("c")) + 1
        assert 1 < begin < count
        await wire.write(*(delta(again, number, f"{number} ") for number in range(begin, count)))
        await wire.write(finished(again))

    async with (
        asyncio.timeout(20),
        scripted(opens=[core]) as url,
        Client(url) as client,
        client.invoke("A", "hi") as answer,
    ):
        await sent.wait()
        assert await answer.text() == "".join(f"{number} " for number in range(1, count))


async def test_a_late_viewer_gets_a_snapshot_then_what_follows() -> None:
    async def core(wire: OpenWire) -> None:
        request = await wire.read()
        assert (request.join.stream_id, request.join.cursor) == ("s1", "")
        snapshot = event_pb2.AnswerSnapshot(
            stream_id="s1",
            state=event_pb2.ANSWER_STATE_RUNNING,
            parts=[event_pb2.AnswerPart(text="one ")],
            agent="A",
            cursor="c1",
        )
        await wire.write(
            stream_pb2.OpenResponse(
                request_id=request.request_id, stream_id="s1", cursor="c1", snapshot=snapshot
            ),
            delta(request, 2, "two"),
            finished(request),
        )

    async with asyncio.timeout(10), scripted(opens=[core]) as url, Client(url) as client:
        parts = [part async for part in client.join("s1")]
    assert parts[0] == Snapshot("s1", "running", (Text("one "),), agent="A", cursor="c1")
    assert parts[1:] == [Text("two"), Finished("stop", "", Usage(1, 2))]


async def test_a_snapshot_of_an_answer_that_has_ended_is_the_end() -> None:
    async def core(wire: OpenWire) -> None:
        for state, ending in (
            (event_pb2.ANSWER_STATE_CANCELLED, {"cancelled": event_pb2.AnswerCancelled()}),
            (event_pb2.ANSWER_STATE_FAILED, {"failed": event_pb2.AnswerFailed(message="no")}),
        ):
            request = await wire.read()
            snapshot = event_pb2.AnswerSnapshot(stream_id="s1", state=state)
            for name, value in ending.items():
                getattr(snapshot, name).CopyFrom(value)
            await wire.write(
                stream_pb2.OpenResponse(
                    request_id=request.request_id, stream_id="s1", snapshot=snapshot
                )
            )

    async with asyncio.timeout(10), scripted(opens=[core]) as url, Client(url) as client:
        parts = [part async for part in client.join("s1")]
        assert parts == [Snapshot("s1", "cancelled", ending=Cancelled()), Cancelled()]
        with pytest.raises(AnswerFailed, match="no"):
            await client.join("s1").text()


async def test_a_gap_in_an_answer_is_told_and_its_snapshot_replaces_the_text() -> None:
    async def core(wire: OpenWire) -> None:
        request = await wire.read()
        gap = event_pb2.Gap(channel="stream.s1", reason=event_pb2.GAP_REASON_EXPIRED, cursor="c5")
        whole = event_pb2.AnswerSnapshot(
            stream_id="s1", parts=[event_pb2.AnswerPart(text="whole")], cursor="c5"
        )
        await wire.write(
            started(request),
            delta(request, 1, "lost"),
            stream_pb2.OpenResponse(
                request_id=request.request_id, stream_id="s1", cursor="c5", gap=gap
            ),
            stream_pb2.OpenResponse(
                request_id=request.request_id, stream_id="s1", cursor="c5", snapshot=whole
            ),
            finished(request),
        )

    async with asyncio.timeout(10), scripted(opens=[core]) as url, Client(url) as client:
        answer = client.invoke("A", "hi")
        parts = [part async for part in answer]
    assert parts[2] == Gap("stream.s1", "expired", "c5")
    assert isinstance(parts[3], Snapshot)
    assert parts[3].text == "whole"
