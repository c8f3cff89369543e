"""Who gets an invocation, and what waits."""

import pytest
from google.protobuf.duration_pb2 import Duration

from blackroad.core.settings import AnswersSettings
from blackroad.realtime.v1 import common_pb2, stream_pb2
from tests.core.stream.peers import agent, until
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")


async def test_a_worker_never_holds_more_than_its_permits() -> None:
    async with rig() as run, run.worker(agent(max_concurrency=2)) as worker, run.caller() as caller:
        for number in range(5):
            await caller.start(str(number))
        held = [await worker.next(), await worker.next()]
        assert (await caller.next("4", "queued")).queued.position == 3
        for _ in range(3):
            assert worker.frames.empty()
            await worker.finish(held.pop(0))
            held.append(await worker.next())
        for work in held:
            await worker.finish(work)
        for number in range(5):
            await caller.ending(str(number))


async def test_those_who_wait_are_served_in_order_and_told_how_they_move() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("a")
        first = await worker.next()
        for request_id in ("b", "c", "d"):
            await caller.start(request_id, text=request_id)
        assert (await caller.next("d", "queued")).queued.position == 3
        await worker.finish(first)
        second = await worker.next()
        assert second.invocation.messages[0].parts[0].text == "b"
        assert (await caller.next("d", "queued")).queued.position == 2


async def test_the_worker_with_most_free_permits_is_asked() -> None:
    async with (
        rig() as run,
        run.worker(agent(max_concurrency=2)) as small,
        run.worker(agent(max_concurrency=3)) as big,
        run.caller() as caller,
    ):
        await caller.start("1")
        await big.next()
        await big.send(load=stream_pb2.Load(load=0.9))
        await until(lambda: any(w.load for w in run.workers()))
        await caller.start("2")
        await small.next()


async def test_nobody_is_told_at_once() -> None:
    async with rig() as run, run.worker(agent("OTHER")), run.caller() as caller:
        await caller.start("1", "NOBODY")
        rejected = (await caller.next("1")).rejected
        assert rejected.code == common_pb2.ERROR_CODE_NO_AGENT
        assert rejected.retryable


async def test_models_are_found_by_provider_and_name() -> None:
    models = stream_pb2.Register(models=["ollama/llama3.2:3b", "builtin/*"], max_concurrency=9)
    async with (
        rig() as run,
        run.worker(agent("ECHO", 9)) as echo,
        run.worker(models) as model,
        run.caller() as caller,
    ):

        async def asked(name: str) -> str:
            target = stream_pb2.Target(model=name)
            await caller.invoke(name, stream_pb2.Invoke(target=target, text="hi"))
            await until(lambda: bool(caller.of(name)) or bool(run.held()))
            if caller.of(name):
                code = caller.of(name)[0].rejected.code
                return common_pb2.ErrorCode.Name(code).removeprefix("ERROR_CODE_")
            worker = echo if not echo.frames.empty() or run.held() == ["ECHO"] else model
            work = await worker.next()
            await worker.finish(work)
            started = (await caller.next(name, "started")).started
            await caller.ending(name)
            return f"{started.agent} {started.model}".strip()

        assert await asked("ollama/llama3.2:3b") == "ollama/llama3.2:3b"
        assert await asked("builtin/echo") == "builtin/echo"
        assert await asked("llama3.2:3b") == "ollama/llama3.2:3b"
        assert await asked("ECHO") == "ECHO"
        assert await asked("anthropic/claude") == "MODEL_UNAVAILABLE"
        assert await asked("ollama/other") == "MODEL_NOT_FOUND"
        assert await asked("nowhere/model") == "MODEL_NOT_FOUND"


async def test_a_full_queue_refuses() -> None:
    async with (
        rig(AnswersSettings(queue_items=1)) as run,
        run.worker(agent()) as worker,
        run.caller() as caller,
    ):
        await caller.start("1")
        await worker.next()
        await caller.start("2")
        await caller.next("2", "queued")
        await caller.start("3")
        rejected = (await caller.next("3", "rejected")).rejected
        assert rejected.code == common_pb2.ERROR_CODE_QUEUE_FULL
        assert rejected.retryable


async def test_a_deadline_passes_in_the_queue() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        await worker.next()
        await caller.start("2", deadline=Duration(nanos=100_000_000))
        failed = (await caller.ending("2")).failed
        assert failed.code == common_pb2.ERROR_CODE_DEADLINE_EXCEEDED
        assert caller.kinds("2") == ["queued", "failed"]


async def test_a_deadline_stops_the_worker_which_keeps_its_permit_until_it_has_stopped() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1", deadline=Duration(nanos=200_000_000))
        work = await worker.next()
        assert 0 < work.invocation.deadline.nanos <= 200_000_000
        await worker.say(work, "a")
        assert (await caller.ending("1")).failed.code == common_pb2.ERROR_CODE_DEADLINE_EXCEEDED
        cancel = await worker.next("cancel")
        assert cancel.cancel.code == common_pb2.ERROR_CODE_DEADLINE_EXCEEDED
        await caller.start("2")
        await caller.next("2", "queued")
        await worker.send(work, finish=stream_pb2.FinishInvocation(cancelled=True))
        await worker.finish(await worker.next())
        await caller.ending("2")
        assert caller.kinds("1").count("failed") == 1


async def test_those_who_wait_for_a_worker_that_went_are_told() -> None:
    async with rig(AnswersSettings(grace_seconds=0.1)) as run, run.caller() as caller:
        async with run.worker(agent()) as worker:
            await caller.start("1")
            work = await worker.next()
            await worker.say(work, "a")
            await caller.start("2")
            await caller.next("2", "queued")
        assert (await caller.ending("2")).failed.code == common_pb2.ERROR_CODE_NO_AGENT


async def test_a_refused_invocation_goes_to_another() -> None:
    async with (
        rig() as run,
        run.worker(agent(max_concurrency=2)) as first,
        run.worker(agent()) as second,
        run.caller() as caller,
    ):
        await caller.start("1")
        await first.send(await first.next(), refuse=stream_pb2.RefuseInvocation(reason="no"))
        work = await second.next()
        assert work.attempt == 2
        await second.finish(work)
        assert (await caller.next("1", "started")).started.attempt == 2
        assert (await caller.ending("1")).HasField("finished")
