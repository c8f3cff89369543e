"""Who owns a private channel, and lets a guest in and out again."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from blackroad.client import Client, Policy
from blackroad.client.errors import Conflict, NotFound, RealtimeError
from tests.chaos.history import Granted, History, Removed
from tests.chaos.publishers import Publisher

VAULT: Final = "chaos.vault"
HALL: Final = "hall.main"  # whose occupants are counted
KEEPER: Final = "keeper"
GUEST: Final = "guest"
REST_SECONDS: Final = 0.3


class Owner:
    """Makes the channel, again where the log has lost it, and publishes in it all the time."""

    def __init__(
        self, client: Client, publisher: Publisher, history: History, chance: random.Random
    ) -> None:
        self._client = client
        self._publisher = publisher
        self._history = history
        self._chance = chance

    async def open(self) -> None:
        """Make the channels; before that they are as open as any."""
        await self._known(self._made)

    async def run(self, stop: asyncio.Event) -> None:
        """Let the guest in and out until it is told to stop; then it is out."""
        while not stop.is_set():
            self._history.add(Granted(GUEST, VAULT))
            await self._known(self._let_in)
            await self._talk()
            await self._known(self._let_out)
            self._history.add(Removed(GUEST, VAULT))
            await self._talk()

    async def _talk(self) -> None:
        for _ in range(self._chance.randint(2, 8)):
            await self._publisher.say(VAULT, tries=16)
            await asyncio.sleep(self._chance.uniform(0, 0.3))

    async def _made(self) -> None:
        self._history.add(Granted(KEEPER, VAULT))
        await self._make(VAULT, Policy(access="private"), [KEEPER])
        await self._make(HALL, Policy(presence=True), [])

    async def _make(self, name: str, policy: Policy, members: Sequence[str]) -> None:
        try:
            if (await self._client.channels.get(name)).created:
                return
        except NotFound:
            pass
        with contextlib.suppress(Conflict):  # somebody else has
            await self._client.channels.create(name, policy, members=members)

    async def _let_in(self) -> None:
        await self._client.channels.add_member(VAULT, GUEST)

    async def _let_out(self) -> None:
        await self._client.channels.remove_member(VAULT, GUEST)

    async def _known(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do something until the server says that it is done; make the channel if it is gone."""
        while True:
            try:
                return await act()
            except NotFound:
                await self._known(self._made)
            except RealtimeError:
                pass  # away, or nobody knows: it may be done twice
            await asyncio.sleep(REST_SECONDS)
