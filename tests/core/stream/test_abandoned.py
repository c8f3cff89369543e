"""What becomes of an answer that nobody views is its invocation's choice."""

import pytest
from google.protobuf.duration_pb2 import Duration

from blackroad.core.identity.development import developer_service
from blackroad.core.settings import AnswersSettings
from blackroad.realtime.v1 import event_pb2, stream_pb2
from tests.core.stream.peers import agent, until
from tests.core.stream.rig import Rig, rig

pytestmark = pytest.mark.usefixtures("one_loop")

SOON = Duration(nanos=50_000_000)


def invoke(**more: object) -> stream_pb2.Invoke:
    return stream_pb2.Invoke(
        target=stream_pb2.Target(agent="ECHO"),
        text="hi",
        on_abandoned=stream_pb2.ON_ABANDONED_CANCEL,
        abandoned_after=SOON,
        **more,  # type: ignore[arg-type]  # fields by name
    )


async def test_it_is_cancelled_after_its_own_time_and_not_while_one_still_views() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as second:
        async with run.caller() as first:
            await first.invoke("1", invoke())
            work = await worker.next()
            await worker.say(work, "a")
            await second.join("1", work.stream_id)
            await second.next("1", "snapshot")
        await run.viewed(work.stream_id, 1)
        assert run.answer(work.stream_id).abandoned_timer is None
        async with run.caller() as third:
            await third.join("1", work.stream_id)
            await third.next("1", "snapshot")
            second.call.cancel()
            await run.viewed(work.stream_id, 1)
            assert run.answer(work.stream_id).abandoned_timer is None
        assert (await worker.next("cancel")).stream_id == work.stream_id


async def test_one_who_comes_back_in_time_keeps_it() -> None:
    asked = invoke()
    asked.abandoned_after.CopyFrom(Duration(seconds=30))
    async with rig() as run, run.worker(agent()) as worker:
        async with run.caller() as caller:
            await caller.invoke("1", asked)
            work = await worker.next()
        await until(lambda: run.answer(work.stream_id).abandoned_timer is not None)
        async with run.caller() as again:
            await again.join("1", work.stream_id)
            await again.next("1", "snapshot")
            assert run.answer(work.stream_id).abandoned_timer is None
            await worker.finish(work)
            assert (await again.ending("1")).HasField("finished")


async def unseen(run: Rig, **more: object) -> str:
    """Start an answer as a door does whose viewer is lost before it views."""
    identity = developer_service()
    return await run.parts.answers.start(identity, "se_1", invoke(**more))


async def test_one_that_nobody_ever_viewed_is_cancelled_too() -> None:
    async with rig() as run, run.worker(agent()) as worker:
        stream_id = await unseen(run)
        work = await worker.next()
        timer = run.answer(stream_id).abandoned_timer
        assert timer is not None  # it rings after 5 s, or the invocation's own time if longer
        timer.ring()
        assert (await worker.next("cancel")).stream_id == work.stream_id


async def test_in_a_queue_it_is_cancelled_at_once_and_no_worker_sees_it() -> None:
    async with rig(AnswersSettings()) as run, run.worker(agent()) as worker:
        async with run.caller() as caller:
            await caller.start("0")
            busy = await worker.next()
            await caller.invoke("1", invoke())
            queued = await caller.next("1", "queued")
        answer = run.answer(queued.stream_id)
        await until(lambda: answer.folded.state == event_pb2.ANSWER_STATE_CANCELLED)
        await worker.finish(busy)
        assert worker.frames.empty()
