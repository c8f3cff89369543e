"""Who can be asked, and answers found by their labels."""

import pytest

from blackroad.realtime.v1 import common_pb2, stream_pb2
from tests.core.stream.peers import agent
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")


def targets(page: stream_pb2.ListTargetsResponse) -> list[str]:
    return [target.agent or target.model or target.capability for target in page.targets]


async def test_all_that_workers_serve_is_listed_in_pages_agents_first() -> None:
    serving = stream_pb2.Register(models=["ollama/llama3.2:3b", "anthropic/*"])
    able = stream_pb2.Register(agent="ZOE", capabilities=["math"])
    async with (
        rig() as run,
        run.worker(serving),
        run.worker(able),
        run.worker(agent()),
        run.worker(agent()),
        run.stub() as stub,
    ):
        first = await stub.ListTargets(stream_pb2.ListTargetsRequest(page_size=3))
        assert targets(first) == ["ECHO", "ZOE", "anthropic/*"]
        again = stream_pb2.ListTargetsRequest(page_token=first.next_page_token)
        rest = await stub.ListTargets(again)
        assert targets(rest) == ["ollama/llama3.2:3b", "math"]
        assert not rest.next_page_token


async def test_an_answer_is_found_by_its_labels_the_newest_first() -> None:
    async with (
        rig() as run,
        run.worker(agent(max_concurrency=9)) as worker,
        run.caller() as caller,
        run.stub() as stub,
    ):
        for number, chat in enumerate(["a", "a", "b"]):
            await caller.start(str(number), labels={"chat": chat, "n": str(number)})
        works = [(await worker.next()).stream_id for _ in range(3)]

        async def found(**labels: str) -> list[str]:
            asked = stream_pb2.ListStreamsRequest(labels=labels, own=True)
            return [a.snapshot.stream_id for a in (await stub.ListStreams(asked)).answers]

        assert await found(chat="a") == [works[1], works[0]]
        assert await found(chat="a", n="0") == [works[0]]
        assert await found(chat="a", n="2") == []
        assert await found(chat="c") == []
        one = await stub.GetStream(stream_pb2.GetStreamRequest(stream_id=works[2]))
        assert dict(one.answer.labels) == {"chat": "b", "n": "2"}


async def test_labels_are_bounded_and_go_with_their_answer() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1", labels={str(number): "" for number in range(9)})
        rejected = (await caller.next("1")).rejected
        assert rejected.code == common_pb2.ERROR_CODE_TOO_LARGE
        await caller.start("2", labels={"chat": "a"})
        work = await worker.next()
        archive, answer = run.parts.answers.archive, run.answer(work.stream_id)
        assert list(archive.visible(answer.invoker, {"chat": "a"})) == [answer]
        archive.drop(answer)
        assert list(archive.visible(answer.invoker, {"chat": "a"})) == []
