"""A Track session with the client that reads it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

from blackroad.core.clock import FakeClock, SystemClock
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.expiry import Expiry
from blackroad.core.identity.identity import Identity
from blackroad.core.identity.peer import Peers
from blackroad.core.identity.renewal import Renewal
from blackroad.core.limits.budget import Budget
from blackroad.core.presence.entity import Status
from blackroad.core.presence.roster import Roster
from blackroad.core.presence.track import TrackSession
from blackroad.core.settings import AuthSettings
from blackroad.realtime.v1 import common_pb2, presence_pb2
from tests.core.presence.world import WATCHER, World

Request = presence_pb2.TrackRequest
Response = presence_pb2.TrackResponse
ALL = presence_pb2.Watch()


class Parts(Protocol):
    """What of a node a session stands on."""

    clock: FakeClock
    hub: Hub
    roster: Roster


class Client:
    """The client's side of a session: it sends frames, and reads while `reading` is set."""

    def __init__(self) -> None:
        self.frames: list[Response] = []
        self.reading = asyncio.Event()
        self.reading.set()
        self.changed = asyncio.Event()
        self.served = asyncio.Event()  # a request was, and the next is asked for
        self._requests: asyncio.Queue[Request | None] = asyncio.Queue()

    async def write(self, message: bytes) -> None:
        await self.reading.wait()
        self.frames.append(Response.FromString(message))
        self.changed.set()

    async def sent(self) -> AsyncIterator[Request]:
        while (request := await self._requests.get()) is not None:
            yield request
            self.served.set()

    def send(self, request_id: str = "", **frame: object) -> None:
        self._requests.put_nowait(Request(request_id=request_id, **frame))  # type: ignore[arg-type]  # one arm by its name

    def half_close(self) -> None:
        self._requests.put_nowait(None)

    def of(self, kind: str) -> list[Response]:
        return [frame for frame in self.frames if frame.WhichOneof("frame") == kind]

    async def until(self, kind: str, count: int = 1) -> Response:
        """Return the frame of this kind that makes `count` of them."""
        async with asyncio.timeout(20):
            while len(found := self.of(kind)) < count:
                self.changed.clear()
                await self.changed.wait()
        return found[count - 1]

    async def answered(self) -> None:
        """Return when all that was sent so far was served."""
        pongs = len(self.of("pong"))
        self.send(ping=common_pb2.Ping())
        await self.until("pong", pongs + 1)

    def changes(self, request_id: str = "w") -> list[presence_pb2.Presence]:
        return [
            change.presence
            for frame in self.of("changes")
            if frame.request_id == request_id
            for change in frame.changes.changes
        ]

    def told(self, request_id: str = "w") -> list[tuple[str, str]]:
        return [(each.entity_id, Status(each.status).word) for each in self.changes(request_id)]

    def fold(self) -> dict[tuple[int, str], presence_pb2.Presence]:
        """Return what one who reads all frames in their order knows."""
        known: dict[tuple[int, str], presence_pb2.Presence] = {}
        for frame in self.frames:
            for each in (*frame.snapshot.entities, *(c.presence for c in frame.changes.changes)):
                known[each.entity_type, each.entity_id] = each
        return known


RENEW = Renewal(Peers(AuthSettings()), Expiry(SystemClock())).renew


def session_of(
    world: Parts, client: Client, who: Identity, budget: Budget | None = None
) -> TrackSession:
    """Return a session that is not run yet."""
    return TrackSession(
        who,
        client,
        world.roster,
        world.hub,
        world.clock,
        node="n1",
        development=False,
        renew=RENEW,
        budget=budget or Budget(),
    )


@asynccontextmanager
async def tracking(
    world: Parts, who: Identity = WATCHER, budget: Budget | None = None
) -> AsyncGenerator[Client]:
    """Run a session with its client."""
    client = Client()
    running = asyncio.ensure_future(session_of(world, client, who, budget).run(client.sent()))
    try:
        yield client
    finally:
        running.cancel()
        await asyncio.wait([running])


async def settled(world: World, client: Client) -> None:
    """Do what is due, and let the client read what came of it."""
    await world.told()
    await client.answered()
    await client.answered()
