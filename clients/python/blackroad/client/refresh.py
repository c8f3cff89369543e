"""Shows a fresh token on every stream that is open, before the one in use ends."""

import asyncio
import logging
from typing import Final, Protocol
from weakref import WeakSet

import grpc

from blackroad.client.backoff import Backoff
from blackroad.client.errors import Ended
from blackroad.client.token import Tokens

# The id of the frame that shows a token, so that a refusal of it is known.
REFRESH: Final = "refresh"
# A stream that takes no frame for so long is ended: it comes back with the fresh token.
_SHOW_SECONDS: Final = 10.0

log = logging.getLogger("blackroad.client")


class Refreshable(Protocol):
    """A stream that can be told of a fresh token."""

    async def show(self, token: str) -> None:
        """Write the token where the stream stands; one that is opened later has it anyway."""
        ...


class Refresher:
    """Asks for a token in time, once for all streams of a client, and shows it on each.

    It holds no stream alive. Where no token is to be had it asks again; a stream that got none ends
    when the core's margin is over, and is opened anew as after any loss.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._streams = WeakSet[Refreshable]()
        self._task: asyncio.Task[None] | None = None

    def keep(self, stream: Refreshable) -> None:
        """Refresh this stream from now on, while somebody has it. Idempotent."""
        if not self._tokens.renews:
            return
        self._streams.add(stream)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="blackroad token")

    async def close(self) -> None:
        """Stop asking. Idempotent."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        backoff, shown = Backoff(), self._tokens.token
        while self._streams:
            await self._tokens.ran_out(shown)
            try:
                await self._tokens.renew()
            except Ended as error:
                log.warning("%s; asking again", error)
                await asyncio.sleep(backoff.next_seconds())
                continue
            shown = self._tokens.token
            if shown is not None:
                await asyncio.gather(*(_show(each, shown) for each in self._streams))
            if self._tokens.due:
                # It has run out already: whoever gave it is not asked in a circle.
                await asyncio.sleep(backoff.next_seconds())
            else:
                backoff.reset()


async def _show(stream: Refreshable, token: str) -> None:
    try:
        async with asyncio.timeout(_SHOW_SECONDS):
            await stream.show(token)
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError, Ended):
        # The stream is over, or about to be; whoever reads it opens the next one.
        return
    except asyncio.CancelledError:
        # The stream was cancelled, or this task was.
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
