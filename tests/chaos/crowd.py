"""Everybody who comes and goes during a run, and those who watch them."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Final

from blackroad.client import Client
from blackroad.client.errors import RealtimeError
from tests.chaos.audience import HOURS, Chance
from tests.chaos.fleet import Fleet
from tests.chaos.history import Here, History, Roster
from tests.chaos.members import HALL
from tests.chaos.presence import (
    KINDS,
    SITTER,
    AgentSitter,
    Asker,
    Folding,
    Observer,
    Sitter,
    SocketSitter,
    Usher,
    Watcher,
)
from tests.chaos.readers import SocketReader
from tests.journeys.keys import token

COUNT: Final = 4  # of each kind
LAST_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.1
MakeClient = Callable[[str, Sequence[str]], Awaitable[Client]]


class Crowd:
    """Those who come and go, and their observers: each core's list, and who folds changes."""

    def __init__(self, fleet: Fleet, history: History, chance: Chance, make: MakeClient) -> None:
        self.sitters: list[Sitter] = []
        self._fleet = fleet
        self._history = history
        self._chance = chance
        self._make = make
        self._observers: list[Observer] = []

    async def gather(self) -> list[Coroutine[None, None, None]]:
        """Make them all; return what they do until they are cancelled."""
        for number in range(COUNT):
            await self._come(f"{SITTER}{number}")
        watching = token("watcher", ">", "presence.>", kind="service", seconds=HOURS)
        for place, name in zip(self._fleet.grpc, self._fleet.cores, strict=True):
            asked = await self._make(watching, [place])
            self._observers += [Asker(f"{name} {kind}", kind, asked) for kind in KINDS]
            self._observers.append(Usher(f"{name} occupants", asked))
        client = await self._make(watching, self._fleet.grpc)
        watchers = [Watcher(f"sdk {kind}", kind, client) for kind in KINDS]
        folding = Folding(Asker("list", "user", client), self._history, "folding", "watcher")
        self._observers += [*watchers, folding]
        browsing = token("watcher", ">", "presence.>", seconds=HOURS)
        reader = SocketReader(self._fleet.http, browsing, [folding])
        watched = [one.run() for one in watchers]
        return [*(one.run() for one in self.sitters), *watched, folding.run(), reader.run()]

    async def settle(self) -> None:
        """Wait until every observer believes what is so, and record what they believe.

        Whoever does not after a minute is for the rules to find.
        """
        truth = {
            kind: frozenset(one.name for one in self.sitters if one.kind == kind and one.here)
            for kind in KINDS
        }
        for kind, names in truth.items():
            self._history.add(Here(kind, tuple(sorted(names))))
        loop = asyncio.get_running_loop()
        deadline = loop.time() + LAST_SECONDS
        for one in self._observers:
            seen = await _believes(one)
            while seen != truth[one.kind] and loop.time() < deadline:
                await asyncio.sleep(POLL_SECONDS)
                seen = await _believes(one)
            self._history.add(Roster(one.name, one.kind, tuple(sorted(seen))))

    async def _come(self, name: str) -> None:
        user, service = (_being(name, kind) for kind in KINDS)
        client = await self._make(service, self._fleet.grpc)
        places = self._fleet.http
        self.sitters.append(SocketSitter(name, user, places, self._chance(f"user {name}")))
        self.sitters.append(AgentSitter(name, client, self._chance(f"service {name}")))


def _being(name: str, kind: str) -> str:
    own = f"presence.{kind}.{name}"
    return token(name, own, HALL, kind=kind, actions=["presence", "subscribe"], seconds=HOURS)


async def _believes(observer: Observer) -> frozenset[str]:
    try:
        return await observer.believes()
    except RealtimeError:
        return frozenset({"nobody answers"})
