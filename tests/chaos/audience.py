"""Everybody who follows during a run: at every door, by name and pattern, for long or a while."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Final

from tests.chaos.fleet import Fleet
from tests.chaos.following import Following
from tests.chaos.history import Ended, History
from tests.chaos.members import GUEST, KEEPER, VAULT
from tests.chaos.readers import AgentReader, CurlReader, Reader, SocketReader, StubReader
from tests.journeys.keys import token

CHANNELS: Final = ("chaos.a", "chaos.b", "chaos.c", "chaos.d")
HOURS: Final = 24 * 3600.0  # tokens outlast a clock that jumps
STAY_SECONDS: Final = (1.0, 8.0)
Chance = Callable[[str], random.Random]


class Audience:
    """The readers. Some try what they may not: the private channel, another tenant's."""

    def __init__(self, fleet: Fleet, history: History, chance: Chance) -> None:
        self.followings: list[Following] = []
        self._fleet = fleet
        self._history = history
        self._chance = chance

    @property
    def lasting(self) -> list[Following]:
        """Those who follow now what everybody of their tenant may read."""
        return [
            one for one in self.followings if one.tenant == "default" and VAULT not in one.patterns
        ]

    def readers(self) -> list[Reader]:
        """Return those who stay to the end."""
        return [
            self._socket("socket-0", ("chaos.a", "chaos.c")),
            self._socket("socket-1", ("chaos.*", "chaos.b")),
            self._socket("spy-0", ("chaos.>", VAULT)),
            self._socket(KEEPER, (VAULT,)),
            self._socket(GUEST, (VAULT,)),
            self._stub("stub-0", ("chaos.a", "chaos.b", "chaos.*")),
            self._stub("spy-1", ("chaos.>", VAULT)),
            self._curl("curl-0", ("chaos.a", "chaos.b")),
            self._curl("curl-1", ("chaos.*",)),
            self._agent("agent-0", ("chaos.*",)),
            self._agent("agent-1", ("chaos.a", "chaos.d")),
            self._stranger(),
        ]

    async def visit(self, stop: asyncio.Event) -> None:
        """Have somebody come, look for a while and go, again and again."""
        chance = self._chance("visitors")
        number = 0
        while not stop.is_set():
            number += 1
            make = chance.choice((self._socket, self._stub, self._curl))
            reader = make(f"visitor-{number}", (chance.choice((*CHANNELS, "chaos.*")),))
            task = asyncio.create_task(reader.run())
            try:
                async with asyncio.timeout(chance.uniform(*STAY_SECONDS)):
                    await stop.wait()
            except TimeoutError:
                continue
            finally:
                task.cancel()
                await asyncio.wait([task])
                self._leave(reader)

    def _leave(self, reader: Reader) -> None:
        for following in reader.followings:
            self.followings.remove(following)
            self._history.add(Ended(following.reader, "left"))

    def _follow(
        self, name: str, door: str, patterns: Sequence[str], tenant: str = "default"
    ) -> Following:
        reader = f"{name} {','.join(patterns)}"
        following = Following(self._history, reader, name, door, patterns, tenant)
        self.followings.append(following)
        return following

    def _socket(self, name: str, patterns: Sequence[str]) -> Reader:
        followings = [self._follow(name, "websocket", (one,)) for one in patterns]
        return SocketReader(_from(self._fleet.http, name), _reading(name), followings)

    def _stub(self, name: str, patterns: Sequence[str]) -> Reader:
        followings = [self._follow(name, "grpc", (one,)) for one in patterns]
        return StubReader(_from(self._fleet.grpc, name), _reading(name, "service"), followings)

    def _curl(self, name: str, patterns: Sequence[str]) -> Reader:
        following = self._follow(name, "sse", patterns)
        return CurlReader(_from(self._fleet.http, name), _reading(name), [following])

    def _agent(self, name: str, patterns: Sequence[str]) -> Reader:
        following = self._follow(name, "sdk", patterns)
        places = ",".join(_from(self._fleet.grpc, name))
        return AgentReader([places], _reading(name, "service"), [following])

    def _stranger(self) -> Reader:
        name = "stranger-2"
        following = self._follow(name, "grpc", ("chaos.>",), tenant="other")
        shown = token(name, "chaos.>", kind="service", tenant="other", seconds=HOURS)
        return StubReader(_from(self._fleet.grpc, name), shown, [following])


def _reading(subject: str, kind: str = "user") -> str:
    return token(subject, "chaos.>", kind=kind, actions=["subscribe"], seconds=HOURS)


def _from(places: Sequence[str], name: str) -> list[str]:
    """Return the places in turn: neighbours by their last number begin at different ones.

    So that, whichever is killed, somebody was there.
    """
    turn = ord(name[-1]) % len(places)
    return [*places[turn:], *places[:turn]]
