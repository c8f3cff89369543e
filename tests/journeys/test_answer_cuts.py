"""An answer survives its viewers' cuts and its edge's end: the text is complete, nothing twice."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence

import pytest

from blackroad.client import Call
from tests.conformance.doors import ENDINGS, Door, View
from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.records import Update, text_of
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.journeys.serving import fresh, serving
from tests.processes import part

pytestmark = pytest.mark.slow

VIEWERS = 100
UNLIMITED = {
    f"LIMITS__{kind}__{name}": "1000000"
    for kind in ("USER", "SERVICE")
    for name in ("MESSAGES_PER_SECOND", "BURST_LIMIT", "COMMANDS_PER_SECOND", "COMMANDS_BURST")
}


def chunks(count: int, seed: int) -> list[str]:
    """Return pieces of a text, cut anywhere: within words, between all kinds of characters."""
    pick = random.Random(seed)
    text = "".join(f"{number}·ä漢🙂e\u0301 " for number in range(count))
    found: list[str] = []
    while text:
        size = pick.choice((1, 1, 2, 3, 5, 8, 40))
        found.append(text[:size])
        text = text[size:]
    return found


class Slowly:
    """Says its pieces within some seconds, and counts how often it was asked."""

    def __init__(self, said: Sequence[str], seconds: float) -> None:
        self.runs = 0
        self._said = said
        self._pause_seconds = seconds / len(said)

    async def __call__(self, call: Call) -> AsyncGenerator[str]:
        del call
        self.runs += 1
        for piece in self._said:
            yield piece
            await asyncio.sleep(self._pause_seconds)


class Restless:
    """A viewer that is cut again and again, and goes on at any door with the cursor it has."""

    def __init__(self, number: int, doors: Sequence[Door], stream_id: str) -> None:
        self._pick = random.Random(number)
        self._client_id = f"restless-{number}"
        self._doors = doors
        self._stream_id = stream_id
        self._cursor: str | None = None
        self.updates: list[Update] = []
        self.cuts = 0

    async def view(self) -> None:
        """View to the end."""
        while not self._ended:
            await self._view_some()
            self.cuts += 1

    @property
    def _ended(self) -> bool:
        return bool(self.updates) and self.updates[-1].status in ENDINGS

    async def _view_some(self) -> None:
        door = self._pick.choice(self._doors)
        async with door.session(self._client_id) as session:
            view = await session.join(self._stream_id, self._cursor)
            for _ in range(self._pick.choice((1, 2, 5, 20, 60))):
                self.updates.append(await view.update())
                self._cursor = self.updates[-1].cursor or self._cursor
                if self._ended:
                    return
            await session.drop()


@pytest.mark.slow
async def test_a_hundred_viewers_with_random_cuts_all_end_with_the_same_text(
    one_loop: None,
) -> None:
    del one_loop
    said = chunks(150, 1)
    words = Slowly(said, 8.0)
    name = fresh("SLOWLY")
    with part("core", GRPC="127.0.0.1:0", **UNLIMITED) as core:
        grpc = core.addresses["grpc"]
        edges = {"HTTP": "127.0.0.1:0", "CORE": grpc}
        with part("edge", **edges) as one, part("edge", **edges) as other:
            addresses = [edge.addresses["http"] for edge in (one, other)]
            doors: list[Door] = [GrpcDoor(grpc)]
            for address in addresses:
                doors += [WebSocketDoor(address), SseDoor(address)]
            async with serving(grpc, name, words), GrpcDoor(grpc).session() as invoker:
                view = await invoker.invoke(name, "tell")
                viewers = [Restless(number, doors, view.stream_id) for number in range(VIEWERS)]
                async with asyncio.TaskGroup() as tasks:
                    for viewer in viewers:
                        tasks.create_task(viewer.view())
                assert text_of(await view.rest()) == "".join(said)
    assert words.runs == 1
    for viewer in viewers:
        assert text_of(viewer.updates) == "".join(said)
        statuses = [update.status for update in viewer.updates]
        assert statuses.count("snapshot") == 1  # the first view; all others went on by a cursor
        assert [status for status in statuses if status in ENDINGS] == ["finished"]
    assert sum(viewer.cuts for viewer in viewers) > 3 * VIEWERS


async def test_a_reload_at_another_door_of_an_edge_that_was_killed_and_started_again(
    one_loop: None,
) -> None:
    del one_loop
    said = chunks(60, 2)
    words = Slowly(said, 6.0)
    name = fresh("SLOWLY")
    with part("core", GRPC="127.0.0.1:0") as core:
        grpc = core.addresses["grpc"]
        async with serving(grpc, name, words):
            with part("edge", HTTP="127.0.0.1:0", CORE=grpc) as edge:
                http = edge.addresses["http"]
                doors: list[Door] = [WebSocketDoor(http), SseDoor(http)]
                async with doors[0].session("one") as one, doors[1].session("two") as two:
                    views: list[View] = [await one.invoke(name, "tell")]
                    views.append(await two.join(views[0].stream_id))
                    before = [await view.until("streaming") for view in views]
                    await asyncio.to_thread(edge.process.kill)
                    for session in (one, two):
                        await session.drop()
            with part("edge", HTTP=http, CORE=grpc):
                # Each goes on at the door of the other, and at the core's own.
                for door in (doors[1], doors[0], GrpcDoor(grpc)):
                    async with door.session("again") as session:
                        for view, begun in zip(views, before, strict=True):
                            again = await session.join(view.stream_id, view.cursor)
                            begun.extend(await again.until("streaming", *ENDINGS))
                            view.cursor = again.cursor
                        await session.drop()
                async with doors[0].session("last") as session:
                    for view, begun in zip(views, before, strict=True):
                        again = await session.join(view.stream_id, view.cursor)
                        begun.extend(await again.rest())
    assert words.runs == 1
    for updates, snapshots in zip(before, (0, 1), strict=True):
        assert text_of(updates) == "".join(said)
        assert [update.status for update in updates].count("snapshot") == snapshots
        assert updates[-1].status == "finished"
