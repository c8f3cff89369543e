"""`blackroad up`: core, agents and edge as one process tree that lives and dies together."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from blackroad.cli.output import print_note
from blackroad.cli.parts.child import Child, ChildError
from blackroad.cli.parts.credentials import token_for, trust_for
from blackroad.cli.parts.stop import Stop
from blackroad.core.settings import CoreSettings

# A part drains within its own bound; this one is for a part that hangs.
GRACE_SECONDS: Final = 30.0

# What the agents have after the core has gone.
LAST_SECONDS: Final = 1.0

AGENTS: Final = "agents"
_PARTS: Final = ("core", AGENTS, "edge")

Addresses = dict[str, str]


class StopAsked(Exception):  # noqa: N818 (not an error)
    """A signal asked the tree to end."""


class Tree:
    """The processes of one `up`, in the order in which they were started."""

    def __init__(self, flags: Sequence[str], core: CoreSettings) -> None:
        self._flags = tuple(flags)
        self._core = core
        self._children: list[Child] = []

    async def run(self, announce: Callable[[Addresses], None]) -> None:
        """Start everything, say where it is, and return after a signal.

        Raises `ChildError` for the first child that ends by itself. Either way no child is left.
        """
        stop = Stop(self._kill)
        lost: list[ChildError] = []
        try:
            async with asyncio.TaskGroup() as watchers:
                watchers.create_task(_asked(stop))
                addresses: Addresses = {}
                for number, name in enumerate(_PARTS, 1):
                    print_note(f"starting {name} ({number} of {len(_PARTS)})")
                    child = await self._start(name, addresses)
                    watchers.create_task(_lost(child))
                    addresses |= await child.ready()
                announce(addresses)
        except* StopAsked:
            pass
        except* ChildError as group:
            lost += [error for error in group.exceptions if isinstance(error, ChildError)]
        finally:
            _settle()
            await self._end()
        if lost:
            raise lost[0]

    async def _start(self, name: str, addresses: Addresses) -> Child:
        flags = ("--core", addresses["grpc"]) if addresses else ()
        child = await Child.start(name, (*self._flags, *flags), self._environ(name))
        self._children.append(child)
        return child

    async def _end(self) -> None:
        # 1. Core and edge take nothing new; what is being answered goes on, and is heard, to its
        # end. 2. Who works then works for nobody.
        serving = [child for child in self._children if child.name != AGENTS]
        for child in serving:
            child.drain()
        for child in serving:
            await child.end(GRACE_SECONDS)
        for child in self._children:
            child.drain()
            await child.end(LAST_SECONDS)

    def _kill(self) -> None:
        """End it all at once: a second signal."""
        for child in self._children:
            child.strike()

    def _environ(self, name: str) -> Mapping[str, str]:
        token = token_for(name, self._core.auth)
        environ = dict(trust_for(self._core.tls)) if name != "core" else {}
        return environ | os.environ | ({"BLACKROAD_TOKEN": token} if token else {})


def _settle() -> None:
    """Take back the request to end that a group which failed leaves behind.

    A timeout takes it for somebody's, before Python 3.11.3 (Debian 12 has 3.11.2).
    """
    task = asyncio.current_task()
    while task is not None and task.uncancel():
        pass


async def _asked(stop: Stop) -> None:
    await stop.asked.wait()
    raise StopAsked


async def _lost(child: Child) -> None:
    status = await child.ended()
    raise ChildError(child.name, status or 1, f"ended with status {status}")
