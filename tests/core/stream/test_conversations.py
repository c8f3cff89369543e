"""Conversations: what of them an agent gets, whose they are, what of them is kept."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.log.base import HistoryPage
from blackroad.core.log.shelf import Shelf
from blackroad.core.settings import AnswersSettings
from blackroad.core.stream import turns
from blackroad.core.stream.conversations import Conversation
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.shared_turns import SharedTurns
from blackroad.realtime.v1 import common_pb2, stream_pb2
from tests.core.stream.peers import TIMEOUT, Caller, Worker, agent, until
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")

USER, ASSISTANT = stream_pb2.ROLE_USER, stream_pb2.ROLE_ASSISTANT


def texts(work: stream_pb2.ServeResponse) -> list[str]:
    return [message.parts[0].text for message in work.invocation.messages]


async def turn(caller: Caller, worker: Worker, number: int, text: str, answer: str) -> list[str]:
    """Take a turn of conversation c1; return all that the agent got."""
    await caller.start(str(number), text=text, conversation="c1")
    work = await worker.next()
    await worker.say(work, answer)
    await worker.finish(work)
    await caller.ending(str(number))
    return texts(work)


async def test_earlier_turns_are_bounded_by_tokens_and_begin_with_a_users() -> None:
    # A turn of 40 bytes is about 11 tokens and 4 for itself: three fit.
    settings = AnswersSettings(conversation_tokens=50)
    long = {number: f"{number}{'x' * 39}" for number in range(6)}
    async with rig(settings) as run, run.worker(agent()) as worker, run.caller() as caller:
        assert await turn(caller, worker, 1, long[0], long[1]) == [long[0]]
        assert await turn(caller, worker, 2, long[2], long[3]) == [long[0], long[1], long[2]]
        # Of 0, 1, 2, 3 the last three would fit, but an agent's turn comes first.
        assert await turn(caller, worker, 3, long[4], long[5]) == [long[2], long[3], long[4]]
        run.parts.answers.conversations.forget()
        assert await turn(caller, worker, 4, "short", "end") == [long[4], long[5], "short"]


async def test_without_tokens_for_them_no_earlier_turn_is_given() -> None:
    settings = AnswersSettings(conversation_tokens=0)
    async with rig(settings) as run, run.worker(agent()) as worker, run.caller() as caller:
        await turn(caller, worker, 1, "a", "b")
        assert await turn(caller, worker, 2, "c", "d") == ["c"]
        events = await run.published("conversation.c1", 4)
        assert [event.text for event in events] == ["a", "b", "c", "d"]


async def test_a_failed_answer_leaves_its_question_and_lets_the_next_come() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1", text="a", conversation="c1")
        work = await worker.next()
        await worker.say(work, "never kept")
        await worker.send(work, fail=stream_pb2.FailInvocation(message="no"))
        await caller.ending("1")
        assert await turn(caller, worker, 2, "b", "c") == ["a", "b"]


async def test_it_stays_its_owners_when_nobody_has_it_at_hand_any_more() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await turn(caller, worker, 1, "a", "b")
        conversations = run.parts.answers.conversations
        owner = run.answer(caller.of("1")[0].stream_id).invoker
        other = Identity(owner.tenant, "eve", Kind.USER)
        for _ in range(2):  # at hand, and read from its channel
            with pytest.raises(Rejection) as rejected:
                await conversations.load(other, "c1")
            assert rejected.value.code is Code.FORBIDDEN
            conversations.forget()
        assert conversations.owns(owner, "default.conversation.c1")
        assert not conversations.owns(other, "default.conversation.c1")


async def test_one_that_is_refused_leaves_nothing_in_progress() -> None:
    async with rig() as run, run.caller() as caller:
        await caller.start("1", text="a", conversation="c1")
        assert (await caller.next("1")).rejected.code == common_pb2.ERROR_CODE_NO_AGENT
        async with run.worker(agent()) as worker:
            assert await turn(caller, worker, 2, "b", "c") == ["b"]


@given(st.lists(st.tuples(st.sampled_from([USER, ASSISTANT]), st.text(max_size=60))))
def test_what_is_at_hand_is_the_newest_that_fits(
    said: list[tuple[stream_pb2.Role.ValueType, str]],
) -> None:
    limits = StreamLimits(conversation_tokens=60)
    conversation = Conversation("bo")
    messages = [turns.of_text(role, text) for role, text in said]
    for message in messages:
        conversation.add(message, limits)
    kept = list(conversation.turns)
    assert kept == messages[len(messages) - len(kept) :]
    assert conversation.tokens == sum(map(turns.tokens_of, kept)) <= 60
    assert conversation.bytes == sum(message.ByteSize() for message in kept)
    if len(kept) < len(messages) and kept:
        assert kept[0].role == USER


async def test_who_goes_while_the_past_is_read_leaves_no_busy_conversation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with rig() as run, run.worker(agent()) as worker:
        answers, read = run.parts.answers, run.parts.log.history
        asked, may_answer = asyncio.Event(), asyncio.Event()

        async def is_begun(tenant: str, stream_id: str) -> bool:
            return stream_id in turns_of_all.begun

        turns_of_all = SharedTurns(
            Shelf(run.parts.log, "turn"), answers.journal, is_begun, answers.abroad.soon, 60.0
        )
        answers.conversations.turns = turns_of_all

        async def slowly(key: str, limit: int, **where: int | None) -> HistoryPage:
            if turns_of_all.begun and "conversation" in key:
                asked.set()
                await may_answer.wait()
            return await read(key, limit, **where)

        monkeypatch.setattr(run.parts.log, "history", slowly)  # as one over a network
        async with run.caller() as gone:
            await gone.start("1", conversation="c1")
            await asyncio.wait_for(asked.wait(), TIMEOUT)
        await until(lambda: len(run.parts.sessions) == 1)  # the worker's
        may_answer.set()
        async with run.caller() as caller:
            await caller.start("2", conversation="c1")
            await worker.finish(await worker.next())
            assert (await caller.ending("2")).HasField("finished")
