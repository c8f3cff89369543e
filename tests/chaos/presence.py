"""Who comes and goes, and who watches them: what observers believe must become what is so."""

import asyncio
import contextlib
import json
import random
from collections.abc import Sequence
from typing import Final, Protocol

from typing_extensions import override
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from blackroad.client import Client
from blackroad.client.errors import RealtimeError
from tests.chaos.following import Following
from tests.chaos.history import History
from tests.chaos.members import HALL
from tests.chaos.readers import LOST, OPEN_SECONDS
from tests.conformance.records import Event

KINDS: Final = ("user", "service")
SITTER: Final = "sitter-"
BACK_SECONDS: Final = 0.2


class Sitter:
    """An entity that is here for a while and away for a while, and in the end stays as it is."""

    def __init__(self, kind: str, name: str, chance: random.Random) -> None:
        self.kind = kind
        self.name = name
        self.here = False
        self._chance = chance
        self._changed = asyncio.Event()

    async def wander(self, stop: asyncio.Event) -> None:
        """Come and go until told to stop."""
        while not stop.is_set():
            self.here = not self.here
            self._changed.set()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._chance.uniform(1, 8)):
                    await stop.wait()

    async def run(self) -> None:
        """Be here whenever it should be, until cancelled."""
        while True:
            if not self.here:
                self._changed.clear()
                await self._changed.wait()
                continue
            with contextlib.suppress(RealtimeError, *LOST):
                await self.sit()
            await asyncio.sleep(BACK_SECONDS)

    async def gone(self) -> None:
        """Return when it should go."""
        while self.here:
            self._changed.clear()
            await self._changed.wait()

    async def sit(self) -> None:
        """Be here until it should go, or is lost."""
        raise NotImplementedError


class SocketSitter(Sitter):
    """A browser, which says goodbye or does not."""

    def __init__(self, name: str, token: str, places: Sequence[str], chance: random.Random) -> None:
        super().__init__("user", name, chance)
        self._token = token
        self._places = places

    @override
    async def sit(self) -> None:
        """Be here until it should go, or is lost."""
        connection = await connect(
            f"ws://{self._chance.choice(self._places)}/ws/{self.name}",
            additional_headers={"Authorization": f"Bearer {self._token}"},
            proxy=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=3,
            ping_timeout=5,
            close_timeout=1,
        )
        going = asyncio.create_task(self.gone())
        try:
            await connection.send(json.dumps({"type": "subscribe", "room": HALL}))
            with contextlib.suppress(WebSocketException):
                reading = asyncio.create_task(_drained(connection.recv))
                await asyncio.wait([going, reading], return_when=asyncio.FIRST_COMPLETED)
                reading.cancel()
                await asyncio.wait([reading])
            if self._chance.random() < 0.5:
                connection.transport.abort()
        finally:
            going.cancel()
            await asyncio.wait([going])
            await connection.close()


class _Receive(Protocol):
    """What gives one message after the other."""

    async def __call__(self) -> object:
        """Return the next one."""
        ...


async def _drained(receive: _Receive) -> None:
    with contextlib.suppress(WebSocketException):
        while True:
            await receive()


class AgentSitter(Sitter):
    """A service with the SDK, which announces itself."""

    def __init__(self, name: str, client: Client, chance: random.Random) -> None:
        super().__init__("service", name, chance)
        self._client = client

    @override
    async def sit(self) -> None:
        """Be here until it should go, or is lost."""
        async with self._client.announce():
            await self.gone()


class Observer(Protocol):
    """Somebody who believes that some of a kind are here."""

    kind: str
    name: str

    async def believes(self) -> frozenset[str]:
        """Return whom it believes to be here; raises RealtimeError where it cannot tell."""
        ...


class Asker:
    """Asks one core for its list, whenever it is asked itself."""

    def __init__(self, name: str, kind: str, client: Client) -> None:
        self.name = name
        self.kind = kind
        self._client = client

    async def believes(self) -> frozenset[str]:
        """Return whom the core lists."""
        listed = await self._client.presence(self.kind)
        return frozenset(one.entity_id for one in listed if one.entity_id.startswith(SITTER))


class Usher:
    """Asks one core who occupies the hall: the users that follow it."""

    kind = "user"

    def __init__(self, name: str, client: Client) -> None:
        self.name = name
        self._client = client

    async def believes(self) -> frozenset[str]:
        """Return whom the core lists."""
        return frozenset([member.subject async for member in self._client.channels.members(HALL)])


class Watcher:
    """Folds what the SDK tells, from its first look on."""

    def __init__(self, name: str, kind: str, client: Client) -> None:
        self.name = name
        self.kind = kind
        self._client = client
        self._here: set[str] = set()

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            self._here.clear()
            with contextlib.suppress(RealtimeError):
                async for one in self._client.presence(self.kind):
                    _fold(self._here, one.entity_id, one.status)
            await asyncio.sleep(BACK_SECONDS)

    async def believes(self) -> frozenset[str]:
        """Return its fold."""
        return frozenset(self._here)


class Folding(Following):
    """Folds the events of `presence.user.*`, from a list that is taken anew after a gap."""

    kind = "user"

    def __init__(self, asker: Asker, history: History, reader: str, subject: str) -> None:
        super().__init__(history, reader, subject, "websocket", ["presence.user.*"])
        self.name = reader
        self._asker = asker
        self._here: set[str] = set()
        self._stale = asyncio.Event()

    async def run(self) -> None:
        """Take the list whenever it is needed, until cancelled."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            try:
                self._here = set(await self._asker.believes())
            except RealtimeError:
                self._stale.set()
                await asyncio.sleep(BACK_SECONDS)

    async def believes(self) -> frozenset[str]:
        """Return its fold."""
        return frozenset(self._here)

    @override
    def opened(self, cursor: str, recovered: bool | None = None, gap: str = "") -> None:
        if not self.cursor:
            self._stale.set()
        super().opened(cursor, recovered, gap)

    @override
    def gap(self, reason: str, cursor: str) -> None:
        super().gap(reason, cursor)
        self._stale.set()

    @override
    def hear(self, event: Event) -> None:
        _fold(self._here, str(event.field("entity_id")), str(event.field("status")))


def _fold(here: set[str], name: str, status: str) -> None:
    """Take up a change."""
    if status == "offline":
        here.discard(name)
    elif name.startswith(SITTER):
        here.add(name)
