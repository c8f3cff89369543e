"""Answers that another node holds: found, followed and asked for by several at once."""

import asyncio
import gc
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import pytest

from blackroad.core.identity.development import developer_service
from blackroad.core.log.redis.embedded import server_binary
from blackroad.core.node import Node
from blackroad.core.settings import CoreSettings
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.worker import Worker
from blackroad.realtime.v1 import stream_pb2
from tests.core.stream.peers import TIMEOUT, agent, until
from tests.servers import Server

CALLER = developer_service()
INVOKE = stream_pb2.Invoke(target=stream_pb2.Target(agent="ECHO"), text="hi")


@pytest.fixture(scope="module")
def log() -> Generator[str]:
    """Run a server of the log; give its address."""
    server = Server(server_binary())
    try:
        yield f"redis://127.0.0.1:{server.port}"
    finally:
        server.end()


def node(log: str, name: str) -> Node:
    """Return a node that is not yet running."""
    return Node.create(CoreSettings(grpc="127.0.0.1:0", log=log, node=name))


@asynccontextmanager
async def nodes(log: str) -> AsyncGenerator[tuple[Node, Node]]:
    """Run two nodes that know each other."""
    async with node(log, "n1") as one, node(log, "n2") as other:
        await until(lambda: bool(one.fleet.others and other.fleet.others))
        yield one, other


def worker_at(node: Node) -> Worker:
    """Let a worker of the agent come, which hears nothing."""
    worker = Worker("se_worker", CALLER, lambda frame: None)
    node.answers.dispatcher.register(worker, agent())
    return worker


async def finish(node: Node, worker: Worker, answer: Answer) -> None:
    """Let the worker end an answer that its node holds."""
    finished = stream_pb2.FinishInvocation()
    frame = stream_pb2.ServeRequest(
        stream_id=answer.stream_id, attempt=answer.attempt, finish=finished
    )
    node.answers.reports.finish(worker, frame)
    async with asyncio.timeout(TIMEOUT):
        await node.answers.journal.written()


async def test_two_who_look_for_an_answer_at_once_both_see_its_end(log: str) -> None:
    async with nodes(log) as (home, other):
        worker = worker_at(home)
        answer = home.answers.open_at_once(CALLER, INVOKE)
        await home.answers.journal.written()
        before = other.hub.topics
        await asyncio.gather(*(other.answers.locate(CALLER, answer.stream_id) for _ in range(2)))
        mirror = other.answers.archive.known(CALLER, answer.stream_id)
        await finish(home, worker, answer)
        await other.answers.ended(mirror, TIMEOUT)
        assert mirror.folded.ended
        assert other.hub.topics == before


async def test_who_goes_while_another_node_is_asked_disturbs_nobody(log: str) -> None:
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
    async with nodes(log) as (home, other):
        worker = worker_at(home)
        await until(lambda: bool(other.answers.abroad.pool.all()))
        starting = asyncio.create_task(other.answers.start(CALLER, "", INVOKE))
        await asyncio.sleep(0)  # it is being asked
        (answer,) = other.answers.abroad.mirrors.values()
        starting.cancel()
        await asyncio.wait([starting])
        await until(lambda: bool(worker.holding))
        await until(lambda: answer.asked)
        assert answer.opened is not None
        await answer.opened
        gc.collect()
        assert not faults


async def test_a_home_that_goes_harms_nobody_though_its_conversation_is_not_at_hand(
    log: str,
) -> None:
    async with node(log, "n2") as other:
        async with node(log, "n1") as home:
            await until(lambda: bool(home.fleet.others and other.fleet.others))
            worker_at(home)
            await until(lambda: bool(other.answers.abroad.pool.all()))
            invoke = stream_pb2.Invoke(conversation="c1")
            invoke.MergeFrom(INVOKE)
            answer = await other.answers.open(CALLER, invoke)
            assert answer.opened is not None
            await answer.opened
            other.answers.conversations.forget()  # as those that were not used for an hour
        await other.answers.ended(answer, TIMEOUT)
        assert answer.folded.ended
