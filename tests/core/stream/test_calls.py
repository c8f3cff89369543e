"""Invocations from end to end: a caller, a worker, and what each sees."""

import pytest

from blackroad.realtime.v1 import event_pb2
from tests.core.stream.peers import agent
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")


async def test_a_caller_sees_started_then_the_words_then_one_ending() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1", text="hello")
        work = await worker.next()
        assert work.invocation.messages[0].parts[0].text == "hello"
        assert work.invocation.caller.subject == "developer"
        await worker.say(work, "a", "b")
        await worker.finish(work, output_tokens=2)
        finished = await caller.ending("1")
        assert caller.kinds("1") == ["started", "delivery", "delivery", "finished"]
        assert caller.text("1") == "ab"
        assert finished.finished.usage.output_tokens == 2
        assert finished.finished.reason == event_pb2.FINISH_REASON_STOP
        assert all(frame.stream_id == work.stream_id for frame in caller.of("1"))
