"""Workers in presence: as long as their streams last."""

import asyncio
from collections.abc import Sequence

import pytest

from blackroad.core.errors import Rejection
from blackroad.core.log.base import Append, Appended
from blackroad.realtime.v1 import stream_pb2
from tests.core.stream.peers import BATCHES, TIMEOUT, Worker, agent, until
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")


async def test_a_worker_that_goes_while_its_coming_is_told_is_not_present_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with rig() as run:
        append, asked, may_answer = run.parts.log.append, asyncio.Event(), asyncio.Event()

        async def slowly(appends: Sequence[Append]) -> list[Appended | Rejection]:
            if any("presence" in one.key for one in appends):
                asked.set()
                await may_answer.wait()
            return await append(appends)

        monkeypatch.setattr(run.parts.log, "append", slowly)  # as one over a network
        async with run.stub() as stub:
            worker = Worker(stub)
            await worker.call.write(stream_pb2.ServeRequest(hello=BATCHES))
            await worker.call.write(stream_pb2.ServeRequest(register=agent()))
            await asyncio.wait_for(asked.wait(), TIMEOUT)
        await until(lambda: not len(run.parts.sessions))
        may_answer.set()
        record = run.parts.roster.record("default.presence.agent.ECHO")
        assert record is not None
        assert all(stay.lost_ns for stay in record.stays.values()), "its grace has begun"
