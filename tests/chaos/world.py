"""Everybody who uses the fleet during a run: readers, publishers, members, who comes and goes."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, Self

from blackroad.client import Client
from blackroad.client.errors import RealtimeError
from tests.chaos.fleet import Fleet
from tests.chaos.following import Following
from tests.chaos.history import Ended, Here, History, Roster
from tests.chaos.members import GUEST, KEEPER, VAULT, Owner
from tests.chaos.presence import (
    KINDS,
    SITTER,
    AgentSitter,
    Asker,
    Folding,
    Observer,
    Sitter,
    SocketSitter,
    Watcher,
)
from tests.chaos.publishers import (
    AgentDoor,
    CurlDoor,
    Door,
    Publisher,
    SocketDoor,
    StubDoor,
)
from tests.chaos.readers import AgentReader, CurlReader, Reader, SocketReader, StubReader
from tests.journeys.keys import token

CHANNELS: Final = ("chaos.a", "chaos.b", "chaos.c", "chaos.d")
RATE: Final = 8.0  # events of one publisher in a second, at most
SITTERS: Final = 4  # of each kind
LAST_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.1
HOURS: Final = 24 * 3600.0  # tokens outlast a clock that jumps


class World:
    """All clients of a run. Their chances come from the seed, each client's from its own name."""

    def __init__(self, fleet: Fleet, seed: int, path: Path) -> None:
        self.history = History(path)
        self.followings: list[Following] = []
        self._fleet = fleet
        self._seed = seed
        self._stop = asyncio.Event()
        self._stack = AsyncExitStack()
        self._readers: list[asyncio.Task[None]] = []
        self._actors: list[asyncio.Task[None]] = []
        self._sitters: list[Sitter] = []
        self._observers: list[Observer] = []

    async def __aenter__(self) -> Self:
        self._stack.callback(self.history.close)
        self._stack.push_async_callback(self._end)
        try:
            await self._begin()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def finish(self) -> None:
        """Have all publishers end, say a last thing everywhere, and wait until all have it.

        What has not come after a minute is for the rules to find.
        """
        self._stop.set()
        await asyncio.gather(*self._actors)
        await self._last_words()
        await self._last_rosters()

    async def _begin(self) -> None:
        await self._open_readers()
        await self._open_publishers()
        await self._open_sitters()
        async with asyncio.timeout(LAST_SECONDS):
            while not all(one.stands for one in self._lasting()):  # noqa: ASYNC110 (over the network)
                await asyncio.sleep(POLL_SECONDS)

    def _chance(self, name: str) -> random.Random:
        return random.Random(f"{self._seed} {name}")

    def _reads(self, reader: Reader) -> None:
        self._readers.append(asyncio.create_task(reader.run()))

    def _acts(self, actor: "asyncio._CoroutineLike[None]") -> None:
        self._actors.append(asyncio.create_task(actor))

    def _follow(
        self, name: str, door: str, patterns: Sequence[str], subject: str = "", **tenant: str
    ) -> Following:
        reader = f"{name} {','.join(patterns)}"
        following = Following(
            self.history, reader, subject or name, door, patterns, tenant.get("tenant", "default")
        )
        self.followings.append(following)
        return following

    async def _open_readers(self) -> None:
        for name, patterns in (
            ("socket-0", ("chaos.a", "chaos.c")),
            ("socket-1", ("chaos.*", "chaos.b")),
            ("spy-0", ("chaos.>", VAULT)),
            (KEEPER, (VAULT,)),
            (GUEST, (VAULT,)),
        ):
            self._reads(self._socket(name, patterns))
        for name, patterns in (
            ("stub-0", ("chaos.a", "chaos.b", "chaos.*")),
            ("spy-1", ("chaos.>", VAULT)),
        ):
            self._reads(self._stub(name, patterns))
        for name, patterns in (("curl-0", ("chaos.a", "chaos.b")), ("curl-1", ("chaos.*",))):
            self._reads(self._curl(name, patterns))
        for name, patterns in (("agent-0", ("chaos.*",)), ("agent-1", ("chaos.a", "chaos.d"))):
            places = [",".join(self._turned(name))]
            following = self._follow(name, "sdk", patterns)
            self._reads(AgentReader(places, _reading(name, "service"), [following]))
        following = self._follow("stranger", "grpc", ("chaos.>",), tenant="other")
        shown = token("stranger", "chaos.>", kind="service", tenant="other", seconds=HOURS)
        self._reads(StubReader(self._fleet.grpc, shown, [following]))

    def _turned(self, name: str) -> list[str]:
        """Return the cores, in an order of one's own."""
        places = list(self._fleet.grpc)
        self._chance(name).shuffle(places)
        return places

    def _socket(self, name: str, patterns: Sequence[str], subject: str = "") -> Reader:
        followings = [self._follow(name, "websocket", (one,), subject) for one in patterns]
        return SocketReader(self._fleet.http, _reading(subject or name), followings)

    def _stub(self, name: str, patterns: Sequence[str]) -> Reader:
        followings = [self._follow(name, "grpc", (one,)) for one in patterns]
        return StubReader(self._turned(name), _reading(name, "service"), followings)

    def _curl(self, name: str, patterns: Sequence[str]) -> Reader:
        return CurlReader(self._fleet.http, _reading(name), [self._follow(name, "sse", patterns)])

    async def _open_publishers(self) -> None:
        grpc, http = self._fleet.grpc, self._fleet.http
        doors: dict[str, Door] = {
            "says-0": AgentDoor(grpc, _saying("says-0", "service")),
            "says-1": StubDoor(grpc, _saying("says-1", "service")),
            "says-2": CurlDoor(http, _saying("says-2")),
            "says-3": SocketDoor(http, "says-3", _saying("says-3")),
        }
        for name, door in doors.items():
            publisher = await self._publisher(name, door, (*CHANNELS * 8, VAULT))
            self._acts(publisher.run(self._stop))
        owning = token("owner", "chaos.>", kind="service", seconds=HOURS)
        owner = await self._publisher("owner", AgentDoor(grpc, owning), (VAULT,))
        client = await self._client(owning, grpc)
        self._acts(Owner(client, owner, self.history, self._chance("guest")).run(self._stop))
        self._last = await self._publisher("last", AgentDoor(grpc, owning), CHANNELS)
        self._acts(self._visit())

    async def _publisher(self, name: str, door: Door, channels: Sequence[str]) -> Publisher:
        await self._stack.enter_async_context(door)
        return Publisher(self.history, name, door, channels, self._chance(name), RATE)

    async def _client(self, shown: str, places: Sequence[str]) -> Client:
        client = Client(f"grpc://{','.join(places)}", shown, timeout_seconds=10)
        return await self._stack.enter_async_context(client)

    async def _visit(self) -> None:
        """Have somebody come, look for a while and go, again and again."""
        chance = self._chance("visitors")
        number = 0
        while not self._stop.is_set():
            number += 1
            name = f"visitor-{number}"
            make = chance.choice((self._socket, self._stub, self._curl))
            reader = make(name, (chance.choice((*CHANNELS, "chaos.*")),))
            task = asyncio.create_task(reader.run())
            try:
                async with asyncio.timeout(chance.uniform(1, 8)):
                    await self._stop.wait()
            except TimeoutError:
                continue
            finally:
                task.cancel()
                await asyncio.wait([task])
                for following in reader.followings:
                    self.followings.remove(following)
                    self.history.add(Ended(following.reader, "left"))

    async def _open_sitters(self) -> None:
        watching = token("watcher", ">", "presence.>", kind="service", seconds=HOURS)
        client = await self._client(watching, self._fleet.grpc)
        for number in range(SITTERS):
            name = f"{SITTER}{number}"
            sitting = await self._client(_saying(name, "service"), self._fleet.grpc)
            places = self._fleet.http
            chance = self._chance
            self._sitters.append(SocketSitter(name, _saying(name), places, chance(f"u {name}")))
            self._sitters.append(AgentSitter(name, sitting, chance(f"s {name}")))
        for sitter in self._sitters:
            self._acts(sitter.wander(self._stop))
            self._readers.append(asyncio.create_task(sitter.run()))
        for place, name in zip(self._fleet.grpc, self._fleet.cores, strict=True):
            one = await self._client(watching, [place])
            self._observers += [Asker(f"{name} {kind}", kind, one) for kind in KINDS]
        for kind in KINDS:
            watcher = Watcher(f"sdk {kind}", kind, client)
            self._observers.append(watcher)
            self._readers.append(asyncio.create_task(watcher.run()))
        folding = Folding(Asker("list", "user", client), self.history, "folding", "watcher")
        shown = token("watcher", ">", "presence.>", seconds=HOURS)
        self.followings.append(folding)
        self._observers.append(folding)
        self._readers.append(asyncio.create_task(folding.run()))
        self._reads(SocketReader(self._fleet.http, shown, [folding]))

    def _lasting(self) -> list[Following]:
        """Return those who follow to the end what everybody may read."""
        return [
            one
            for one in self.followings
            if one.tenant == "default" and VAULT not in one.patterns and one.reader != "folding"
        ]

    async def _last_words(self) -> None:
        words = {channel: await self._last.say(channel, tries=60) for channel in CHANNELS}
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while not all(_has(one, words) for one in self._lasting()):  # noqa: ASYNC110 (as above)
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            return

    async def _last_rosters(self) -> None:
        """Wait until every observer believes what is so, and record what they believe."""
        truth = {
            kind: frozenset(one.name for one in self._sitters if one.kind == kind and one.here)
            for kind in KINDS
        }
        for kind, names in truth.items():
            self.history.add(Here(kind, tuple(sorted(names))))
        deadline = asyncio.get_running_loop().time() + LAST_SECONDS
        for observer in self._observers:
            seen = await _believes(observer)
            while seen != truth[observer.kind]:
                if asyncio.get_running_loop().time() > deadline:
                    break
                await asyncio.sleep(POLL_SECONDS)
                seen = await _believes(observer)
            self.history.add(Roster(observer.name, observer.kind, tuple(sorted(seen))))

    async def _end(self) -> None:
        tasks = self._actors + self._readers
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error


def _reading(subject: str, kind: str = "user") -> str:
    return token(subject, "chaos.>", kind=kind, actions=["subscribe"], seconds=HOURS)


def _saying(subject: str, kind: str = "user") -> str:
    own = f"presence.{kind}.{subject}"
    return token(subject, "chaos.>", own, kind=kind, actions=["publish", "presence"], seconds=HOURS)


def _has(following: Following, words: dict[str, str]) -> bool:
    """Tell whether the last word of each of its channels has come to a reader."""
    return all(
        following.latest.get(channel) == text
        for channel, text in words.items()
        if following.wants(channel)
    )


async def _believes(observer: Observer) -> frozenset[str]:
    try:
        return await observer.believes()
    except RealtimeError:
        return frozenset({"nobody answers"})
