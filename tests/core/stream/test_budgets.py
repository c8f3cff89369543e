"""What an answer may cost is enforced against any worker, and what it has cost is always told."""

import pytest
from google.protobuf.duration_pb2 import Duration

from blackroad.core.settings import AnswersSettings
from blackroad.realtime.v1 import common_pb2, event_pb2, stream_pb2
from tests.core.stream.peers import Caller, Worker, agent, until
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")

SEVEN = ("one", " two", " three", " four", " five", " six", " seven")


async def said(caller: Caller, request_id: str, text: str) -> None:
    await until(lambda: caller.text(request_id) == text)


async def test_a_deadline_that_passes_tells_the_usage_so_far() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1", deadline=Duration(nanos=300_000_000))
        await worker.say(await worker.next(), *SEVEN)
        failed = (await caller.ending("1")).failed
        assert failed.code == common_pb2.ERROR_CODE_DEADLINE_EXCEEDED
        assert failed.usage.output_tokens == 7


async def test_a_lost_worker_and_a_cancel_without_a_word_of_it_tell_the_usage_so_far() -> None:
    settings = AnswersSettings(grace_seconds=0.05, cancel_seconds=0.05)
    async with rig(settings) as run, run.caller() as caller:
        async with run.worker(agent()) as worker:
            await caller.start("1")
            await worker.say(await worker.next(), *SEVEN)
            await said(caller, "1", "".join(SEVEN))
        assert (await caller.ending("1")).failed.usage.output_tokens == 7
        async with run.worker(agent(max_concurrency=2)) as worker:
            for request_id, confirmed in (("2", False), ("3", True)):
                await caller.start(request_id)
                work = await worker.next()
                await worker.say(work, *SEVEN)
                await said(caller, request_id, "".join(SEVEN))
                await caller.cancel(work.stream_id, f"cancel {request_id}")
                if confirmed:
                    await worker.send(work, finish=stream_pb2.FinishInvocation(cancelled=True))
                assert (await caller.ending(request_id)).cancelled.usage.output_tokens == 7


async def test_what_the_worker_said_of_its_usage_is_told_unless_more_has_come_since() -> None:
    async with rig() as run, run.worker(agent(max_concurrency=2)) as worker, run.caller() as caller:
        for request_id, told, expected in (("1", 40, 40), ("2", 1, 7)):
            await caller.start(request_id)
            work = await worker.next()
            usage = event_pb2.Usage(input_tokens=9, output_tokens=told)
            await worker.send(work, chunk=stream_pb2.Chunk(index=1, usage=usage))
            await worker.say(work, *SEVEN, first=2)
            await worker.send(work, fail=stream_pb2.FailInvocation(message="no"))
            failed = (await caller.ending(request_id)).failed
            assert (failed.usage.input_tokens, failed.usage.output_tokens) == (9, expected)


async def test_one_that_never_said_anything_has_no_usage() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1", deadline=Duration(nanos=50_000_000))
        await worker.next()
        assert not (await caller.ending("1")).failed.HasField("usage")


async def limited(caller: Caller, worker: Worker, request_id: str, *words: str) -> str:
    """Let a worker that knows no limit say words of an answer with at most two tokens."""
    await caller.start(request_id, options=stream_pb2.InvokeOptions(max_tokens=2))
    work = await worker.next()
    await worker.say(work, *words)
    finished = (await caller.ending(request_id)).finished
    assert finished.reason == event_pb2.FINISH_REASON_LENGTH
    assert 0 < finished.usage.output_tokens <= 2
    assert (await worker.next("cancel")).stream_id == work.stream_id
    await worker.finish(work)
    return caller.text(request_id)


async def test_no_worker_says_more_than_the_tokens_however_it_cuts_them() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        assert await limited(caller, worker, "1", *SEVEN) == "one two"
        assert await limited(caller, worker, "2", "é" * 1000) == "é" * 32
        assert await limited(caller, worker, "3", "x" * 20, "y" * 20) == "x" * 20 + "y" * 12


async def test_the_time_of_running_begins_anew_at_another_worker() -> None:
    limit = stream_pb2.InvokeOptions(max_time=Duration(nanos=200_000_000))
    async with rig() as run, run.caller() as caller:
        async with run.worker(agent()) as first:
            await caller.start("1", options=limit)
            await first.send(await first.next(), accept=stream_pb2.AcceptInvocation())
            await caller.next("1", "started")
        await caller.next("1", "queued")
        timer = run.answer(caller.of("1")[0].stream_id).limit_timer
        assert timer is None  # nobody runs it, so no time of running passes
        async with run.worker(agent()) as second:
            await second.say(await second.next(), "a")
            finished = (await caller.ending("1")).finished
            assert finished.reason == event_pb2.FINISH_REASON_LENGTH
