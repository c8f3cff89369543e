"""What lies between two attempts to have a stream."""

import asyncio

from blackroad.client.backoff import Backoff
from blackroad.client.dial import Dial


class Pause:
    """Waits as long as the cause asks for.

    Where the connection is gone, until there is one again: gRPC spreads the attempts of a fleet,
    and all of one process go on together. Where the connection stands and the stream failed, by
    full jitter, cut short once where the connection goes meanwhile. What the server asked for is
    always waited out first.
    """

    def __init__(self, dial: Dial, backoff: Backoff | None = None) -> None:
        self._dial = dial
        self._backoff = backoff or Backoff()
        self._cut_short = False

    def worked(self) -> None:
        """Begin anew: an attempt has worked."""
        self._backoff.reset()
        self._cut_short = False
        self._dial.worked()

    async def rest(self, turn: int, retry_after_seconds: float | None) -> None:
        """Return when it is time for the next attempt; `turn` is that of the failed one."""
        self._dial.move_on(turn)
        wait = self._backoff.next_seconds(retry_after_seconds)
        if self._cut_short or retry_after_seconds:
            # A connection that comes and goes, and what was asked for: nothing makes it shorter.
            await asyncio.sleep(wait)
        else:
            self._cut_short = await self._dial.lost_within(wait)
        await self._dial.connected()
