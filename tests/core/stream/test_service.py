"""The unary calls, and how workers leave."""

import grpc
import pytest

from blackroad.core.errors import Code, Ending
from blackroad.realtime.v1 import event_pb2, stream_pb2
from tests.core.stream.peers import agent, until
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")


async def test_an_answer_is_read_listed_and_cancelled() -> None:
    async with (
        rig() as run,
        run.worker(agent(max_concurrency=3)) as worker,
        run.caller() as caller,
        run.stub() as stub,
    ):
        for number in range(3):
            await caller.start(str(number))
        works = [await worker.next() for _ in range(3)]
        await worker.say(works[0], "a")
        await worker.finish(works[0], 1)
        await caller.ending("0")
        request = stream_pb2.GetStreamRequest(stream_id=works[0].stream_id)
        answer = (await stub.GetStream(request)).answer
        assert answer.snapshot.parts[0].text == "a"
        assert answer.target.agent == "ECHO"
        assert answer.invoker.subject == "developer"
        assert answer.HasField("end_time")
        page = await stub.ListStreams(stream_pb2.ListStreamsRequest(page_size=2))
        rest = await stub.ListStreams(
            stream_pb2.ListStreamsRequest(page_size=2, page_token=page.next_page_token)
        )
        listed = [a.snapshot.stream_id for a in (*page.answers, *rest.answers)]
        assert listed == [work.stream_id for work in reversed(works)]
        assert not rest.next_page_token
        finished = stream_pb2.ListStreamsRequest(state=event_pb2.ANSWER_STATE_FINISHED)
        assert len((await stub.ListStreams(finished)).answers) == 1
        cancelling = stub.CancelStream(stream_pb2.CancelStreamRequest(stream_id=works[1].stream_id))
        stop = await worker.next("cancel")
        await worker.send(stop, finish=stream_pb2.FinishInvocation(cancelled=True))
        state = (await cancelling).answer.snapshot.state
        assert state == event_pb2.ANSWER_STATE_CANCELLED
        again = stream_pb2.CancelStreamRequest(stream_id=works[0].stream_id)
        state = (await stub.CancelStream(again)).answer.snapshot.state
        assert state == event_pb2.ANSWER_STATE_FINISHED


async def test_an_unknown_answer_is_not_found() -> None:
    async with rig() as run, run.stub() as stub:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stub.GetStream(stream_pb2.GetStreamRequest(stream_id="st_none"))
        assert raised.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_worker_that_drains_finishes_what_it_has_and_ends_ok() -> None:
    async with rig() as run, run.worker(agent(max_concurrency=2)) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        await worker.send(drain=stream_pb2.Drain())
        await until(lambda: not run.workers())
        await caller.start("2")
        assert (await caller.next("2")).HasField("rejected")
        await worker.finish(work)
        await worker.next("closing")
        await worker.done.wait()
        assert await worker.call.code() is grpc.StatusCode.OK
        await caller.ending("1")


async def test_a_node_that_drains_lets_workers_finish() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        for session in run.parts.sessions.all():
            if session.method == "Serve":
                session.end(Ending(Code.DRAINING, retry_after_seconds=1))
        assert (await worker.next("draining")).draining.retry_after.seconds == 1
        await worker.finish(work)
        await caller.ending("1")
        await worker.next("closing")
        await worker.done.wait()
        assert await worker.call.code() is grpc.StatusCode.UNAVAILABLE
