"""What is said beside answers.

Tasks, thinking, rooms, presence; conversations; answers asked for by answers.
"""

import json

import pytest
from google.protobuf.duration_pb2 import Duration

from blackroad.core.identity.development import developer_service
from blackroad.core.identity.identity import Kind
from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2, presence_pb2, stream_pb2
from tests.core.stream.peers import agent, until
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")


async def test_a_task_is_told_from_start_to_end_without_its_words() -> None:
    async with (
        rig() as run,
        run.worker(agent(model="builtin/echo")) as worker,
        run.caller() as caller,
    ):
        await caller.start("1", text="secret")
        work = await worker.next()
        await worker.send(work, progress=event_pb2.AnswerProgress(percent=50, message="half"))
        await worker.say(work, "secret")
        await worker.finish(work, output_tokens=3)
        await caller.ending("1")
        started, completed = await run.published(f"task.{work.stream_id}.state", 2)
        assert (started.type, started.sender) == ("task.started", "ECHO")
        assert json.loads(started.json) == {
            "stream_id": work.stream_id,
            "agent": "ECHO",
            "model": "builtin/echo",
        }
        assert completed.type == "task.completed"
        assert json.loads(completed.json) == {
            "stream_id": work.stream_id,
            "reason": "stop",
            "usage": {"input_tokens": 0, "output_tokens": 3},
        }
        assert "secret" not in started.json + completed.json
        (progress,) = await run.published(f"task.{work.stream_id}.progress", 1)
        assert json.loads(progress.json)["progress"] == 50
        frame = next(f for f in caller.of("1") if f.HasField("delivery"))
        assert frame.delivery.events[0].answer.progress.message == "half"


async def test_thinking_is_told_once_a_block_where_the_agent_wants_it() -> None:
    async with (
        rig() as run,
        run.worker(agent(publish_thinking=True)) as worker,
        run.caller() as caller,
    ):
        await caller.start("1")
        work = await worker.next()
        for index, thought in enumerate(("let ", "me ", "see"), 1):
            await worker.send(work, chunk=stream_pb2.Chunk(index=index, thinking=thought))
        await worker.say(work, "yes", first=4)
        await worker.finish(work)
        await caller.ending("1")
        (event,) = await run.published("agent.ECHO.thinking", 1)
        assert event.type == "agent.thinking"
        assert json.loads(event.json) == {"stream_id": work.stream_id, "thought": "let me see"}


async def test_a_message_in_an_agents_room_is_answered_there_once() -> None:
    async with rig() as run, run.worker(agent()) as worker:
        draft = event_pb2.Draft(text="hello?")
        asked = channel_pb2.PublishRequest(channel="agents:ECHO", events=[draft])
        result = await run.parts.publisher.publish(developer_service(), "", asked)
        work = await worker.next()
        assert work.invocation.messages[0].parts[0].text == "hello?"
        assert work.invocation.caller.subject == "developer"
        await worker.say(work, "hel", "lo!")
        await worker.finish(work)
        _, answer = await run.published("agents:ECHO", 2)
        assert (answer.type, answer.sender, answer.text) == ("message", "ECHO", "hello!")
        assert answer.sender_kind == common_pb2.ENTITY_KIND_AGENT
        assert answer.correlation_id == result.events[0].id
        assert worker.frames.empty()


async def test_a_worker_is_present_busy_and_gone() -> None:
    async with rig() as run:

        def status() -> int:
            return run.parts.roster.get("default", Kind.AGENT, "ECHO").status

        async with run.worker(agent(capabilities=["talk"])) as worker, run.caller() as caller:
            presence = run.parts.roster.get("default", Kind.AGENT, "ECHO")
            assert presence.status == presence_pb2.PRESENCE_STATUS_ONLINE
            await caller.start("1")
            work = await worker.next()
            await until(lambda: status() == presence_pb2.PRESENCE_STATUS_BUSY)
            await worker.finish(work)
            await until(lambda: status() == presence_pb2.PRESENCE_STATUS_ONLINE)
            await worker.send(drain=stream_pb2.Drain())
            await worker.next("closing")
            await until(lambda: status() == presence_pb2.PRESENCE_STATUS_OFFLINE)


async def test_a_conversation_remembers_its_turns_and_takes_one_at_a_time() -> None:
    async with rig() as run, run.worker(agent(max_concurrency=2)) as worker, run.caller() as caller:
        await caller.start("1", text="my name is Bo", conversation="c1")
        work = await worker.next()
        await caller.start("2", text="busy?", conversation="c1")
        assert (await caller.next("2")).rejected.code == common_pb2.ERROR_CODE_CONVERSATION_BUSY
        await worker.say(work, "hello ", "Bo")
        await worker.finish(work)
        await caller.ending("1")
        await caller.start("3", text="my name?", conversation="c1")
        work = await worker.next()
        turns = [(m.role, m.parts[0].text) for m in work.invocation.messages]
        assert turns == [
            (stream_pb2.ROLE_USER, "my name is Bo"),
            (stream_pb2.ROLE_ASSISTANT, "hello Bo"),
            (stream_pb2.ROLE_USER, "my name?"),
        ]
        await worker.say(work, "Bo")
        await caller.cancel(work.stream_id)
        await worker.next("cancel")
        await worker.send(work, finish=stream_pb2.FinishInvocation(cancelled=True))
        await caller.ending("3")
        events = await run.published("conversation.c1", 4)
        assert [event.text for event in events] == ["my name is Bo", "hello Bo", "my name?", "Bo"]
        assert run.parts.answers.conversations.owner("default.conversation.c1") == "developer"


async def test_a_conversation_that_is_not_at_hand_is_read_from_its_channel() -> None:
    async with rig() as run, run.worker(agent(max_concurrency=2)) as worker, run.caller() as caller:
        await caller.start("1", text="a", conversation="c1")
        work = await worker.next()
        await worker.say(work, "b")
        await worker.finish(work)
        await caller.ending("1")
        await run.published("conversation.c1", 2)
        run.parts.answers.conversations.forget()
        await caller.start("2", text="c", conversation="c1")
        work = await worker.next()
        assert [m.parts[0].text for m in work.invocation.messages] == ["a", "b", "c"]


async def test_what_is_asked_for_an_answer_ends_with_it() -> None:
    async with (
        rig() as run,
        run.worker(agent("A")) as first,
        run.worker(agent("B")) as second,
        run.caller() as caller,
    ):
        await caller.start("1", "A", deadline=Duration(seconds=30))
        parent = await first.next()
        await caller.start("2", "B", parent_stream_id=parent.stream_id)
        child = await second.next()
        assert list(child.invocation.ancestors) == [parent.stream_id]
        assert child.invocation.deadline.seconds < 30
        await caller.start("3", "A", parent_stream_id=child.stream_id)
        assert (await caller.next("3")).rejected.code == common_pb2.ERROR_CODE_CONFLICT
        await caller.cancel(parent.stream_id)
        assert (await second.next("cancel")).stream_id == child.stream_id
        for worker, work in ((first, parent), (second, child)):
            await worker.send(work, finish=stream_pb2.FinishInvocation(cancelled=True))
        assert (await caller.ending("1")).HasField("cancelled")
        assert (await caller.ending("2")).HasField("cancelled")


async def test_invocations_for_invocations_end_at_a_depth_of_eight() -> None:
    names = [f"A{number}" for number in range(10)]
    async with rig() as run, run.caller() as caller:
        parent = ""
        async with run.workers_named(names) as workers:
            for number, worker in enumerate(workers[:9]):
                await caller.start(str(number), names[number], parent_stream_id=parent)
                parent = (await worker.next()).stream_id
            await caller.start("9", names[9], parent_stream_id=parent)
            assert (await caller.next("9")).rejected.code == common_pb2.ERROR_CODE_CONFLICT
