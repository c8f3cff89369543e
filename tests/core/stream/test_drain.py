"""A node that drains: what is being answered is finished, and nothing new begins."""

import asyncio

import pytest

from blackroad.realtime.v1 import common_pb2
from tests.core.stream.peers import agent
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")


async def test_a_drain_waits_for_answers_in_progress_and_refuses_new_ones() -> None:
    async with rig() as run, run.worker(agent(max_concurrency=2)) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        draining = asyncio.create_task(run.parts.answers.drain(10))
        await caller.start("2")
        assert (await caller.next("2")).rejected.code == common_pb2.ERROR_CODE_DRAINING
        assert not draining.done()
        await worker.finish(work)
        assert await asyncio.wait_for(draining, 5) is True
        await caller.ending("1")


async def test_what_waits_for_a_worker_is_in_progress_too() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        first = await worker.next()
        await caller.start("2")
        await caller.next("2", "queued")
        draining = asyncio.create_task(run.parts.answers.drain(10))
        await worker.finish(first)
        second = await worker.next()
        assert not draining.done()
        await worker.finish(second)
        assert await asyncio.wait_for(draining, 5) is True


async def test_what_an_answer_in_progress_asks_of_others_belongs_to_it() -> None:
    async with (
        rig() as run,
        run.worker(agent("BOSS")) as boss,
        run.worker(agent("CLERK")) as clerk,
        run.caller() as caller,
    ):
        await caller.start("1", "BOSS")
        work = await boss.next()
        draining = asyncio.create_task(run.parts.answers.drain(10))
        await asyncio.sleep(0)
        await caller.start("2", "CLERK", parent_stream_id=work.stream_id)
        await clerk.finish(await clerk.next())
        await caller.ending("2")
        await boss.finish(work)
        assert await asyncio.wait_for(draining, 5) is True


async def test_a_drain_ends_when_its_time_is_over() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        await worker.next()
        assert await asyncio.wait_for(run.parts.answers.drain(0.1), 5) is True


async def test_without_answers_a_drain_ends_at_once() -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        await worker.finish(await worker.next())
        await caller.ending("1")
        assert await asyncio.wait_for(run.parts.answers.drain(10), 5) is False
