"""Every answer ends once, whoever ends it."""

import asyncio
import gc
from collections.abc import Sequence

import pytest
from google.protobuf.duration_pb2 import Duration

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Append, Appended
from blackroad.core.settings import AnswersSettings
from blackroad.core.stream.answer import Answer
from blackroad.realtime.v1 import common_pb2, event_pb2, stream_pb2
from tests.core.stream.peers import TIMEOUT, agent, until
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")


async def test_a_cancel_is_confirmed_by_the_worker_with_its_usage() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        await worker.say(work, "a")
        await caller.next("1", "delivery")
        await caller.cancel(work.stream_id)
        await caller.next("cancel", "accepted")
        assert (await worker.next("cancel")).cancel.code == common_pb2.ERROR_CODE_CANCELLED
        await worker.say(work, "b", first=2)
        confirmed = stream_pb2.FinishInvocation(
            cancelled=True, usage=event_pb2.Usage(output_tokens=7)
        )
        await worker.send(work, finish=confirmed)
        assert (await caller.ending("1")).cancelled.usage.output_tokens == 7
        assert caller.text("1") == "ab"


async def test_a_cancel_that_is_not_confirmed_ends_all_the_same() -> None:
    async with (
        rig(AnswersSettings(cancel_seconds=0.1)) as run,
        run.worker(agent()) as worker,
        run.caller() as caller,
    ):
        await caller.start("1")
        work = await worker.next()
        usage = event_pb2.Usage(output_tokens=3)
        await worker.send(work, chunk=stream_pb2.Chunk(index=1, usage=usage))
        await caller.next("1", "delivery")
        await caller.cancel(work.stream_id)
        assert (await caller.ending("1")).cancelled.usage.output_tokens == 3
        await worker.next("superseded")
        await worker.say(work, "late", first=2)
        assert (await worker.next("superseded")).stream_id == work.stream_id
        await caller.start("2")
        await worker.next()  # the permit is free again


async def test_one_that_waits_in_the_queue_is_cancelled_at_once() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        first = await worker.next()
        await caller.start("2")
        queued = await caller.next("2", "queued")
        await caller.cancel(queued.stream_id)
        assert (await caller.ending("2")).HasField("cancelled")
        await worker.finish(first)
        await caller.ending("1")
        assert worker.frames.empty()


async def test_an_answer_waits_for_an_input_and_goes_on_with_it() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        early = stream_pb2.InputAnswer(stream_id=work.stream_id, json="1")
        await caller.call.write(stream_pb2.OpenRequest(request_id="early", input=early))
        assert (await caller.next("early")).rejected.code == common_pb2.ERROR_CODE_CONFLICT
        await worker.send(work, ask=event_pb2.AnswerInputRequired(prompt="sure?"))
        asked = await caller.next("1", "delivery")
        assert asked.delivery.events[0].answer.input_required.prompt == "sure?"
        assert run.answer(work.stream_id).folded.state == event_pb2.ANSWER_STATE_WAITING
        bad = stream_pb2.InputAnswer(stream_id=work.stream_id, json="{no")
        await caller.call.write(stream_pb2.OpenRequest(request_id="bad", input=bad))
        assert (await caller.next("bad")).rejected.code == common_pb2.ERROR_CODE_BAD_FRAME
        given = stream_pb2.InputAnswer(stream_id=work.stream_id, json='{"yes": true}')
        await caller.call.write(stream_pb2.OpenRequest(request_id="given", input=given))
        await caller.next("given", "accepted")
        assert (await worker.next("input")).input.json == '{"yes": true}'
        await worker.finish(work)
        await caller.ending("1")


async def test_one_that_waits_for_an_input_can_be_cancelled() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        await worker.send(work, ask=event_pb2.AnswerInputRequired(prompt="sure?"))
        await caller.next("1", "delivery")
        await caller.cancel(work.stream_id)
        await worker.next("cancel")
        await worker.send(work, finish=stream_pb2.FinishInvocation(cancelled=True))
        assert (await caller.ending("1")).HasField("cancelled")


async def test_a_worker_lost_before_its_first_output_is_replaced() -> None:
    async with rig() as run, run.worker(agent()) as second, run.caller() as caller:
        async with run.worker(agent(max_concurrency=5)) as first:
            await caller.start("1")
            work = await first.next()
            await first.send(work, accept=stream_pb2.AcceptInvocation())
            assert (await caller.next("1", "started")).started.attempt == 1
        again = await second.next()
        assert (again.stream_id, again.attempt) == (work.stream_id, 2)
        await second.say(again, "a")
        await second.finish(again)
        assert (await caller.next("1", "started")).started.attempt == 2
        assert (await caller.ending("1")).HasField("finished")
        assert caller.text("1") == "a"


async def test_a_worker_lost_after_its_first_output_fails_the_answer() -> None:
    async with rig(AnswersSettings(grace_seconds=0.1)) as run, run.caller() as caller:
        async with run.worker(agent()) as worker:
            await caller.start("1")
            await worker.say(await worker.next(), "a")
            await caller.next("1", "delivery")
        failed = (await caller.ending("1")).failed
        assert failed.code == common_pb2.ERROR_CODE_AGENT_LOST
        assert failed.retryable


async def test_a_worker_that_comes_back_goes_on() -> None:
    async with rig() as run, run.caller() as caller:
        async with run.worker(agent()) as worker:
            await caller.start("1")
            work = await worker.next()
            await worker.say(work, "a", "b")
            await until(lambda: caller.text("1") == "ab")
        resumed = stream_pb2.ResumedInvocation(stream_id=work.stream_id, attempt=work.attempt)
        other = stream_pb2.ResumedInvocation(stream_id="st_other", attempt=1)
        async with run.worker(agent(resumed=[resumed, other])) as worker:
            assert (await worker.next("superseded")).stream_id == "st_other"
            await worker.say(work, "b", "c", first=2)
            await worker.finish(work)
            assert (await caller.ending("1")).HasField("finished")
        assert caller.text("1") == "abc"


async def test_a_worker_that_was_replaced_is_told() -> None:
    async with rig() as run, run.worker(agent()) as second, run.caller() as caller:
        async with run.worker(agent(max_concurrency=5)) as first:
            await caller.start("1")
            work = await first.next()
        await second.next()
        resumed = stream_pb2.ResumedInvocation(stream_id=work.stream_id, attempt=work.attempt)
        async with run.worker(agent(resumed=[resumed])) as first:
            assert (await first.next("superseded")).stream_id == work.stream_id
            await first.say(work, "never")
            await first.next("superseded")


async def test_an_answer_ends_by_length_at_its_tokens_and_its_time() -> None:
    async with rig() as run, run.worker(agent(max_concurrency=2)) as worker, run.caller() as caller:
        await caller.start("1", options=stream_pb2.InvokeOptions(max_tokens=2))
        await worker.say(await worker.next(), "a", "b", "c")
        reason = (await caller.ending("1")).finished.reason
        assert reason == event_pb2.FINISH_REASON_LENGTH
        assert caller.text("1") == "ab"
        await worker.next("cancel")
        limit = stream_pb2.InvokeOptions(max_time=Duration(nanos=100_000_000))
        await caller.start("2", options=limit)
        await worker.say(await worker.next(), "a")
        reason = (await caller.ending("2")).finished.reason
        assert reason == event_pb2.FINISH_REASON_LENGTH


async def test_an_abandoned_answer_is_cancelled_where_that_was_asked() -> None:
    async with rig() as run, run.worker(agent(max_concurrency=2)) as worker:
        async with run.caller() as caller:
            await caller.start(
                "1",
                on_abandoned=stream_pb2.ON_ABANDONED_CANCEL,
                abandoned_after=Duration(nanos=50_000_000),
            )
            await caller.start("2")
            first, second = await worker.next(), await worker.next()
        assert (await worker.next("cancel")).stream_id == first.stream_id
        await worker.finish(second)
        await until(lambda: run.answer(second.stream_id).folded.ended)
        state = run.answer(second.stream_id).folded.state
        assert state == event_pb2.ANSWER_STATE_FINISHED


async def test_a_chunk_is_taken_once_and_none_is_left_out() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        await worker.say(work, "a", "b")
        await worker.say(work, "a", "b", "c")
        await worker.send(work, chunk=stream_pb2.Chunk(index=9, text="z"))
        assert (await worker.next("rejected")).rejected.code == common_pb2.ERROR_CODE_BAD_FRAME
        huge = stream_pb2.Chunk(index=4, text="x" * 70_000)
        await worker.send(work, chunk=huge)
        assert (await worker.next("rejected")).rejected.code == common_pb2.ERROR_CODE_TOO_LARGE
        await worker.finish(work)
        await caller.ending("1")
        assert caller.text("1") == "abc"


async def test_many_who_end_one_answer_at_once_end_it_once() -> None:
    async with (
        rig() as run,
        run.worker(agent(max_concurrency=50)) as worker,
        run.caller() as caller,
    ):
        for number in range(50):
            await caller.start(str(number), deadline=Duration(nanos=200_000_000))

        async def end(number: int) -> None:
            work = await worker.next()
            match number % 4:
                case 0:
                    await worker.finish(work)
                case 1:
                    await worker.send(work, fail=stream_pb2.FailInvocation(message="no"))
                case 2:
                    await caller.cancel(work.stream_id, f"c{number}")
                    await worker.finish(work)
                case _:
                    pass
            await caller.cancel(work.stream_id, f"cc{number}")

        for number in range(50):
            await end(number)
        for number in range(50):
            await caller.ending(str(number))
        await asyncio.sleep(0.3)
        for number in range(50):
            kinds = caller.kinds(str(number))
            assert sum(kind in ("finished", "failed", "cancelled") for kind in kinds) == 1
            assert kinds[-1] in ("finished", "failed", "cancelled")


async def test_a_workers_failure_is_told_with_when_to_try_again() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        fail = stream_pb2.FailInvocation(
            code=common_pb2.ERROR_CODE_MODEL_OVERLOADED,
            message="busy",
            retry_after=Duration(seconds=7),
        )
        await worker.send(await worker.next(), fail=fail)
        failed = (await caller.ending("1")).failed
        assert failed.code == common_pb2.ERROR_CODE_MODEL_OVERLOADED
        assert (failed.message, failed.retryable) == ("busy", True)
        assert failed.retry_after.seconds == 7


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        (common_pb2.ERROR_CODE_DEADLINE_EXCEEDED, common_pb2.ERROR_CODE_DEADLINE_EXCEEDED),
        (common_pb2.ERROR_CODE_FORBIDDEN, common_pb2.ERROR_CODE_AGENT_ERROR),
    ],
)
async def test_a_worker_tells_only_codes_of_its_own(
    told: common_pb2.ErrorCode.ValueType, shown: common_pb2.ErrorCode.ValueType
) -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        await worker.send(await worker.next(), fail=stream_pb2.FailInvocation(code=told))
        failed = (await caller.ending("1")).failed
        assert failed.code == shown
        assert not failed.HasField("retry_after")


async def test_an_answer_that_is_not_kept_any_more_is_freed_without_the_collector() -> None:
    settings = AnswersSettings(keep_seconds=0.001)
    async with rig(settings) as run, run.worker(agent()) as worker, run.caller() as caller:
        gc.collect()
        gc.disable()
        try:
            for number in range(20):
                await caller.start(str(number))
                work = await worker.next()
                await worker.say(work, "a")
                await worker.finish(work)
                await caller.ending(str(number))
            answers = [one for one in gc.get_objects() if isinstance(one, Answer)]
        finally:
            gc.enable()
        assert len(answers) <= 2


async def test_a_model_that_cannot_be_one_is_refused_and_the_answer_goes_on() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        for model in ("m" * 129, "two\nlines"):
            await worker.send(work, accept=stream_pb2.AcceptInvocation(model=model))
            code = (await worker.next("rejected")).rejected.code
            assert code == common_pb2.ERROR_CODE_INVALID_NAME
            await worker.send(register=agent(model=model))
            code = (await worker.next("rejected")).rejected.code
            assert code == common_pb2.ERROR_CODE_INVALID_NAME
        await worker.send(work, accept=stream_pb2.AcceptInvocation(model="m" * 128))
        await worker.finish(work)
        assert (await caller.next("1", "started")).started.model == "m" * 128
        await caller.ending("1")


async def test_an_answer_that_the_log_refuses_fails_as_soon_as_the_log_takes_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with (
        rig(AnswersSettings(grace_seconds=0.1)) as run,
        run.worker(agent()) as worker,
        run.caller() as caller,
    ):
        await caller.start("1")
        work = await worker.next()
        await worker.say(work, "kept")
        await caller.next("1", "delivery")
        tried = asyncio.Event()

        async def refuses(appends: Sequence[Append]) -> list[Appended | Rejection]:
            if not any(append.fence is not None and append.fence.ends for append in appends):
                return [Rejection(Code.CONFLICT) for _ in appends]
            tried.set()
            return [Rejection(Code.UNAVAILABLE) for _ in appends]

        with monkeypatch.context() as patch:
            patch.setattr(run.parts.log, "append", refuses)
            await worker.say(work, "lost", first=2)
            assert (await worker.next("superseded")).stream_id == work.stream_id
            await asyncio.wait_for(tried.wait(), TIMEOUT)
        ending = await caller.ending("1")
        assert ending.failed.code == common_pb2.ERROR_CODE_AGENT_LOST
        assert caller.text("1") == "kept"
        await caller.start("2")
        assert (await worker.next()).attempt == 1, "its permit is free"
