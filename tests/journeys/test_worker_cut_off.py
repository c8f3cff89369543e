"""A worker that loses its core goes on, keeps what it says, and comes back with it."""

import asyncio
from collections.abc import AsyncGenerator

from blackroad.client import Agent, Call, Client
from tests.client.cable import Cable
from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.records import text_of
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.journeys.serving import fresh
from tests.processes import Installation

AWAY_SECONDS = 2.0
BEFORE, MEANWHILE, AFTER = 20, 200, 20
PIECE = "4 KiB of an answer, " * 204
"""200 of them are 800 KiB: less than the 1 MiB that is kept, far more than any buffer between."""
MORE = 700
"""And so many are more than that: then whoever answers waits."""


class Gate(Cable):
    """A cable that can also stay cut: what connects meanwhile is broken at once."""

    away = False

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.away:
            writer.transport.abort()
            return
        await super()._relay(reader, writer)


class Speaker:
    """Says some, then much while its core is away, then the rest when it is told to."""

    def __init__(self, meanwhile: int) -> None:
        self.pieces = [f"{n}:{PIECE}\n" for n in range(BEFORE + meanwhile + AFTER)]
        self.begun, self.lost = asyncio.Event(), asyncio.Event()
        self.back = asyncio.Event()
        self.runs = self.said = 0
        self._meanwhile = BEFORE + meanwhile

    async def __call__(self, call: Call) -> AsyncGenerator[str]:
        del call
        self.runs += 1
        for number, piece in enumerate(self.pieces):
            if number == BEFORE:
                self.begun.set()
                await self.lost.wait()
            if number == self._meanwhile:
                await self.back.wait()
            yield piece
            self.said = number + 1


async def test_what_is_said_without_a_core_comes_to_every_viewer_once(
    installation: Installation,
) -> None:
    speaker = Speaker(MEANWHILE)
    await all_hear_all(installation, speaker, speaker_waits=False)


async def test_who_says_more_than_is_kept_waits_and_nothing_is_lost(
    installation: Installation,
) -> None:
    speaker = Speaker(MORE)
    await all_hear_all(installation, speaker, speaker_waits=True)


async def all_hear_all(
    installation: Installation, speaker: Speaker, *, speaker_waits: bool
) -> None:
    """View an answer at three doors while its worker loses the core for two seconds."""
    name = fresh("SPEAKER")
    agent = Agent(name)
    agent.answer(speaker)
    ready = asyncio.Event()
    async with (
        Gate.laid(installation.grpc) as cable,
        Client(cable.url) as client,
        WebSocketDoor(installation.http).session("one") as one,
        SseDoor(installation.http).session("two") as two,
        GrpcDoor(installation.grpc).session() as three,
        asyncio.TaskGroup() as tasks,
    ):
        serving = tasks.create_task(agent.serve(client=client, ready=ready.set))
        await asyncio.wait_for(ready.wait(), 10)
        views = [await one.invoke(name, "say it")]
        views += [await two.join(views[0].stream_id), await three.join(views[0].stream_id)]
        await asyncio.wait_for(speaker.begun.wait(), 10)
        cable.away = True
        cable.cut()
        speaker.lost.set()
        await asyncio.sleep(AWAY_SECONDS)
        said = speaker.said
        assert (said < BEFORE + MORE) if speaker_waits else (said == BEFORE + MEANWHILE)
        cable.away = False
        speaker.back.set()
        async with asyncio.timeout(30):
            seen = await asyncio.gather(*(view.rest() for view in views))
        serving.cancel()
    for updates in seen:
        assert text_of(updates) == "".join(speaker.pieces)
        assert updates[-1].status == "finished"
    assert speaker.runs == 1
