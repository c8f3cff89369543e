"""One subscription, read without `async`."""

from collections import deque
from typing import Final, Self

from blackroad.client import subscription
from blackroad.client.subscription import Received
from blackroad.client.sync.background import BACKGROUND
from blackroad.client.sync.twin import Twin

# What one look into the background takes at most.
BATCH: Final = 256


class Subscription(Twin[subscription.Subscription]):
    """The events of a channel, pattern or unit, each once and in its channel's order.

    `for event in c.subscribe("room")` ends by being left, or raises as its asynchronous twin does;
    `with c.subscribe("room") as events` returns once it stands. `cursor` is that of the last event
    that was taken.
    """

    def __init__(self, twin: subscription.Subscription) -> None:
        super().__init__(twin)
        self._taken: deque[tuple[Received, str]] = deque()
        self.channel = twin.channel
        self.cursor = twin.cursor

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Received:
        if not self._taken:
            self._taken.extend(BACKGROUND.run(_some(self.twin)))
        if not self._taken:
            raise StopIteration
        received, self.cursor = self._taken.popleft()
        return received

    def __enter__(self) -> Self:
        BACKGROUND.run(self.twin.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End it; idempotent. `cursor` stays good to go on from."""
        self._taken.clear()
        BACKGROUND.run(self.twin.close())


async def _some(twin: subscription.Subscription) -> list[tuple[Received, str]]:
    """Wait for the next, and take with it what has come already; nothing at the end."""
    try:
        some = [(await anext(twin), twin.cursor)]
    except StopAsyncIteration:
        return []
    while len(some) < BATCH and (received := twin.take()) is not None:
        some.append((received, twin.cursor))
    return some
