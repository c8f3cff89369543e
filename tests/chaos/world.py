"""Everybody who uses the fleet during a run."""

import asyncio
import contextlib
import random
from collections.abc import Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, Self

from blackroad.client import Client
from tests.chaos.audience import CHANNELS, HOURS, Audience
from tests.chaos.crowd import LAST_SECONDS, POLL_SECONDS, Crowd
from tests.chaos.fleet import Fleet
from tests.chaos.following import Following
from tests.chaos.history import History
from tests.chaos.members import HALL, VAULT, Owner
from tests.chaos.publishers import AgentDoor, CurlDoor, Door, Publisher, SocketDoor, StubDoor
from tests.journeys.keys import token

RATE: Final = 8.0  # events of one publisher in a second, at most
LAST_TRIES: Final = 60


class World:
    """All clients of a run. Their chances come from the seed, each client's from its own name."""

    def __init__(self, fleet: Fleet, seed: int, path: Path) -> None:
        self.history = History(path)
        self._fleet = fleet
        self._seed = seed
        self._audience = Audience(fleet, self.history, self._chance)
        self._crowd = Crowd(fleet, self.history, self._chance, self._client)
        self._stop = asyncio.Event()
        self._stack = AsyncExitStack()
        self._lasting: list[asyncio.Task[None]] = []
        self._stopping: list[asyncio.Task[None]] = []

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
        await asyncio.gather(*self._stopping)
        words = {one: await self._last.say(one, LAST_TRIES) for one in CHANNELS}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                while not all(_has(one, words) for one in self._audience.lasting):  # noqa: ASYNC110
                    await asyncio.sleep(POLL_SECONDS)
        await self._crowd.settle()

    async def _begin(self) -> None:
        self._last = self._owner("last")
        await self._open_channels()
        for reader in self._audience.readers():
            self._stay(reader.run())
        await self._open_publishers()
        for stays in await self._crowd.gather():
            self._stay(stays)
        for sitter in self._crowd.sitters:
            self._until_stop(sitter.wander(self._stop))
        async with asyncio.timeout(LAST_SECONDS):
            while not all(one.stands for one in self._audience.lasting):  # noqa: ASYNC110 (remote)
                await asyncio.sleep(POLL_SECONDS)
        self._until_stop(self._audience.visit(self._stop))

    def _chance(self, name: str) -> random.Random:
        return random.Random(f"{self._seed} {name}")

    def _stay(self, doing: Coroutine[None, None, None]) -> None:
        self._lasting.append(asyncio.create_task(doing))

    def _until_stop(self, doing: Coroutine[None, None, None]) -> None:
        self._stopping.append(asyncio.create_task(doing))

    async def _open_publishers(self) -> None:
        grpc, http = self._fleet.grpc, self._fleet.http
        doors: dict[str, Door] = {
            "says-0": AgentDoor(grpc, _saying("says-0", "service")),
            "says-1": StubDoor(grpc, _saying("says-1", "service")),
            "says-2": CurlDoor(http, _saying("says-2")),
            "says-3": SocketDoor(http, "says-3", _saying("says-3")),
        }
        for name, door in doors.items():
            # Now and then to where it may not.
            publisher = self._publisher(name, door, (*CHANNELS * 8, VAULT))
            self._until_stop(publisher.run(self._stop))

    async def _open_channels(self) -> None:
        client = await self._client(_owning("owner"), self._fleet.grpc)
        publisher = self._owner("owner")
        owner = Owner(client, publisher, self.history, self._chance("guest"))
        await owner.open()
        self._until_stop(owner.run(self._stop))

    def _owner(self, name: str) -> Publisher:
        return self._publisher(name, AgentDoor(self._fleet.grpc, _owning(name)), CHANNELS)

    def _publisher(self, name: str, door: Door, channels: Sequence[str]) -> Publisher:
        self._stack.push_async_callback(door.close)
        return Publisher(self.history, name, door, channels, self._chance(name), RATE)

    async def _client(self, shown: str, places: Sequence[str]) -> Client:
        client = Client(f"grpc://{','.join(places)}", shown, timeout_seconds=10)
        return await self._stack.enter_async_context(client)

    async def _end(self) -> None:
        tasks = self._stopping + self._lasting
        for task in tasks:
            task.cancel()
        for error in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(error, Exception):
                raise error


def _saying(subject: str, kind: str = "user") -> str:
    return token(subject, "chaos.>", kind=kind, actions=["publish"], seconds=HOURS)


def _owning(subject: str) -> str:
    return token(subject, "chaos.>", HALL, kind="service", seconds=HOURS)


def _has(following: Following, words: dict[str, str]) -> bool:
    """Tell whether the last word of each of its channels has come to a reader."""
    return all(
        following.latest.get(channel) == text
        for channel, text in words.items()
        if following.wants(channel)
    )
