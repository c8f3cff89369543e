"""Many who view one answer: before, during and after, fast and slow."""

import asyncio

import grpc
import pytest

from blackroad.core.log.base import HistoryPage
from blackroad.core.log.memory import MemoryLogSettings
from blackroad.realtime.v1 import common_pb2, event_pb2, stream_pb2
from tests.core.stream.peers import TIMEOUT, Caller, agent, until
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")

ENDINGS = {"finished", "failed", "cancelled"}


async def test_two_hundred_viewers_cost_one_run() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("0")
        work = await worker.next()
        for number in range(1, 200):
            await caller.join(str(number), work.stream_id)
        await until(lambda: len(caller.frames) >= 199)
        await worker.say(work, *"abcdef")
        await worker.finish(work)
        for number in range(200):
            await caller.ending(str(number))
            assert caller.text(str(number)) == "abcdef"
        assert worker.frames.empty()


async def test_a_late_viewer_gets_a_snapshot_and_then_what_comes() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        await worker.say(work, "a", "b")
        await until(lambda: caller.text("1") == "ab")
        async with run.caller() as late:
            await late.join("2", work.stream_id)
            snapshot = (await late.next("2", "snapshot")).snapshot
            assert [part.text for part in snapshot.parts] == ["ab"]
            assert snapshot.state == event_pb2.ANSWER_STATE_RUNNING
            assert snapshot.index == 2
            await worker.say(work, "c", first=3)
            delivery = await late.next("2", "delivery")
            assert delivery.delivery.events[0].offset == snapshot.offset + 1
            await worker.finish(work)
            await late.ending("2")
            assert late.kinds("2") == ["snapshot", "delivery", "finished"]
            assert late.text("2") == "abc"


async def test_a_viewer_after_the_end_gets_a_snapshot_and_the_ending() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        await worker.say(work, "a")
        await worker.finish(work)
        ending = await caller.ending("1")
        await caller.join("2", work.stream_id)
        await caller.ending("2")
        assert caller.kinds("2") == ["snapshot", "finished"]
        assert caller.text("2") == "a"
        await caller.join("3", work.stream_id, ending.cursor)
        await caller.join("4", work.stream_id)
        await caller.ending("4")
        assert caller.kinds("3") == []  # it had everything


async def test_viewers_who_join_and_resume_at_any_moment_see_the_same_text() -> None:
    words = [f"{number} " for number in range(300)]
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("0")
        work = await worker.next()

        async def speak() -> None:
            await worker.say(work, *words)
            await worker.finish(work)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(speak())
            for number in range(1, 20):
                await caller.many("0", 10 * number)
                await caller.join(f"join {number}", work.stream_id)
                seen = caller.of("0")[10 * number]
                await caller.join(
                    f"resume {number}", work.stream_id, seen.delivery.events[0].cursor
                )
        for number in range(1, 20):
            await caller.ending(f"join {number}")
            await caller.ending(f"resume {number}")
            assert caller.text(f"join {number}") == "".join(words)
            assert "gap" not in caller.kinds(f"resume {number}")
            assert caller.text(f"resume {number}") == "".join(words[10 * number :])


async def test_a_cursor_that_is_not_kept_any_more_is_a_gap_and_a_snapshot() -> None:
    log = MemoryLogSettings(retain_bytes=16 << 10)
    async with rig(log=log) as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        await worker.say(work, *["x" * 1000] * 50)
        first = await caller.next("1", "delivery")
        await until(lambda: len(caller.text("1")) == 50_000)
        await caller.join("2", work.stream_id, first.delivery.events[0].cursor)
        await caller.next("2", "snapshot")
        assert caller.kinds("2") == ["gap", "snapshot"]
        assert caller.of("2")[0].gap.reason == event_pb2.GAP_REASON_EXPIRED
        await worker.say(work, "end", first=51)
        await worker.finish(work)
        await caller.ending("2")
        assert caller.text("2") == "x" * 50_000 + "end"


async def test_a_slow_viewer_catches_up_by_pages_and_misses_nothing() -> None:
    pieces, ids = 80, ("a", "b", "c")  # 7.7 MB: more than transports hide
    async with (
        rig() as run,
        run.worker(agent(max_concurrency=3)) as worker,
        run.caller() as caller,
        run.stub() as stub,
    ):
        slow = Caller(stub)
        works: dict[str, stream_pb2.ServeResponse] = {}
        for name in ids:
            await caller.start(name)
            works[name] = work = await worker.next()
            await slow.call.write(stream_pb2.OpenRequest(request_id=name, join=_join(work)))
            await run.viewed(work.stream_id, 2)
        for number in range(1, pieces + 1):
            for work in works.values():
                await worker.say(work, "x" * 32_000, first=number)
        for name, work in works.items():
            await worker.finish(work)
            await caller.ending(name)
        assert run.slowest() < 2 << 20
        async with slow.reading():
            for name in ids:
                await slow.ending(name)
                assert slow.kinds(name).count("snapshot") == 1
                assert len(slow.text(name)) == pieces * 32_000
                offsets = [e.offset for f in slow.of(name) for e in f.delivery.events]
                assert offsets == sorted(set(offsets))


@pytest.mark.parametrize("character", ["x", "漢"])
async def test_an_answer_without_end_is_cut_before_its_snapshot_is_no_frame(character: str) -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        for number in range(1, 120):
            await worker.say(work, character * (32_000 // len(character.encode())), first=number)
        reason = (await caller.ending("1")).finished.reason
        assert reason == event_pb2.FINISH_REASON_LENGTH
        snapshot, _ = run.parts.answers.snapshot_of(run.answer(work.stream_id))
        assert snapshot.ByteSize() < 4 << 20


async def test_a_half_closed_stream_ends_ok_after_the_last_ending() -> None:
    async with rig() as run, run.worker(agent(max_concurrency=2)) as worker, run.caller() as caller:
        await caller.start("1")
        await caller.start("2")
        await caller.call.done_writing()
        first, second = await worker.next(), await worker.next()
        await worker.finish(first)
        await caller.ending("1")
        assert not caller.done
        await worker.finish(second)
        await caller.ending("2")
        await caller.over()
        assert caller.frames[-1].HasField("closing")
        assert await caller.call.code() is grpc.StatusCode.OK


async def test_a_half_closed_stream_serves_what_still_waits_for_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        read, asked, may_answer = run.parts.log.history, asyncio.Event(), asyncio.Event()

        async def slowly(key: str, limit: int, **where: int | None) -> HistoryPage:
            asked.set()
            await may_answer.wait()
            return await read(key, limit, **where)

        monkeypatch.setattr(run.parts.log, "history", slowly)  # as one over a network
        await caller.start("1", conversation="c1")  # whose past is read first
        await caller.start("2")
        await caller.call.done_writing()
        await asyncio.wait_for(asked.wait(), TIMEOUT)
        plain = await worker.next()
        await worker.finish(plain)
        await caller.ending("2")
        assert not caller.done
        may_answer.set()
        work = await worker.next()
        await worker.finish(work)
        await caller.ending("1")
        await caller.over()
        assert await caller.call.code() is grpc.StatusCode.OK


async def test_without_hello_no_frame_is_a_batch() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.stub() as stub:
        caller = Caller(stub)
        async with caller.reading():
            await caller.start("1")
            work = await worker.next()
            await worker.say(work, *"abc")
            await worker.finish(work)
            await caller.ending("1")
            assert caller.frames[0].HasField("welcome")
            assert caller.batches == 0


async def test_what_is_wrong_with_a_request_is_told_and_the_session_lives() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        target = stream_pb2.Target(agent="ECHO")
        wrong = {
            "no input": (stream_pb2.Invoke(target=target), common_pb2.ERROR_CODE_MISSING_FIELD),
            "no target": (stream_pb2.Invoke(text="hi"), common_pb2.ERROR_CODE_MISSING_FIELD),
            "too large": (
                stream_pb2.Invoke(target=target, text="x" * (4 << 20)),
                common_pb2.ERROR_CODE_TOO_LARGE,
            ),
            "bad name": (
                stream_pb2.Invoke(target=stream_pb2.Target(agent="\n"), text="hi"),
                common_pb2.ERROR_CODE_INVALID_NAME,
            ),
        }
        for request_id, (invoke, code) in wrong.items():
            await caller.invoke(request_id, invoke)
            assert (await caller.next(request_id)).rejected.code == code
        await caller.join("unknown", "st_unknown")
        assert (await caller.next("unknown")).rejected.code == common_pb2.ERROR_CODE_NOT_FOUND
        await caller.join("cursor", "st_unknown", "!")
        await caller.call.write(stream_pb2.OpenRequest(request_id="none"))
        assert (await caller.next("none")).rejected.code == common_pb2.ERROR_CODE_UNKNOWN_TYPE
        nested = stream_pb2.OpenRequestBatch(
            frames=[
                stream_pb2.OpenRequest(request_id="nested", batch=stream_pb2.OpenRequestBatch())
            ]
        )
        await caller.call.write(stream_pb2.OpenRequest(batch=nested))
        assert (await caller.next("nested")).rejected.code == common_pb2.ERROR_CODE_BAD_FRAME
        await caller.start("fine")
        await worker.finish(await worker.next())
        await caller.ending("fine")


def _join(work: stream_pb2.ServeResponse) -> stream_pb2.JoinAnswer:
    return stream_pb2.JoinAnswer(stream_id=work.stream_id)
