"""One answer as one session views it: nothing of it once it is left."""

import asyncio
from collections.abc import Sequence

import pytest

from blackroad.core.channel.pump import Pump
from blackroad.core.log.entry import Position
from blackroad.core.stream.viewing import Viewing
from tests.core.stream.peers import TIMEOUT, agent
from tests.core.stream.rig import rig

pytestmark = pytest.mark.usefixtures("one_loop")


class Shown:
    """A session that notes what it is to show."""

    queued_bytes = 0
    roomy = True

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def put(self, frame: bytes) -> None:
        self.frames.append(frame)

    def put_all(self, frames: Sequence[bytes], prefix: bytes = b"") -> None:
        self.frames += [prefix + frame for frame in frames]


async def test_what_is_left_while_its_past_is_looked_for_shows_nothing_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with rig() as run, run.worker(agent()) as worker, run.caller() as caller:
        await caller.start("1")
        work = await worker.next()
        await worker.say(work, "secret")
        await worker.finish(work)
        answer = run.answer((await caller.ending("1")).stream_id)
        asked, may_answer = asyncio.Event(), asyncio.Event()

        async def slowly(topics: object) -> None:
            asked.set()
            await may_answer.wait()

        monkeypatch.setattr(run.parts.log, "ready", slowly)  # as one over a network
        shown, over = Shown(), list[Viewing]()
        parts = run.parts
        viewing = Viewing("2", answer, parts.answers, parts.hub, shown, Pump(), over.append)
        viewing.resume((Position(1, 0),))  # of which nothing is kept
        step = asyncio.create_task(viewing.step())
        await asyncio.wait_for(asked.wait(), TIMEOUT)
        viewing.leave()  # as who may not see it any more
        may_answer.set()
        assert not await step
        assert (shown.frames, over) == ([], [])
