"""The client for scripts."""

import asyncio
import weakref
from collections.abc import Callable
from typing import Self

from blackroad.client import client
from blackroad.client.client import TIMEOUT_SECONDS
from blackroad.client.sync.answer import Answer
from blackroad.client.sync.background import BACKGROUND
from blackroad.client.sync.listing import Channels, Streams
from blackroad.client.sync.presence import Announcement, PresenceWatch, present
from blackroad.client.sync.subscription import Subscription
from blackroad.client.sync.twin import Twin, makes, waits
from blackroad.client.token import TokenProvider
from blackroad.client.trust import Trust


class Client(Twin[client.Client]):
    """A connection to the core, for `with Client() as c`; any thread may use it.

    Arguments and errors are those of `blackroad.client.Client`; a `token` that is a function is an
    ordinary one, and runs in a thread of its own. `presence` returns who is here, `watch` iterates
    that and every change. Ctrl-C ends what is waited for, and `with` what is open.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | Callable[[], str] | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        trust: Trust | None = None,
    ) -> None:
        shown = token if token is None or isinstance(token, str) else _in_a_thread(token)
        twin = client.Client(url, shown, timeout_seconds=timeout_seconds, trust=trust)
        super().__init__(twin)
        self.channels = Channels(twin.channels)
        self.streams = Streams(twin.streams)
        self._end = weakref.finalize(self, _forget, twin)

    publish = waits(client.Client.publish)
    publish_all = waits(client.Client.publish_all)
    history = waits(client.Client.history)
    unary = waits(client.Client.unary)
    subscribe = makes(client.Client.subscribe, Subscription)
    presence = makes(client.Client.presence, present)
    watch = makes(client.Client.presence, PresenceWatch)
    announce = makes(client.Client.announce, Announcement)
    invoke = makes(client.Client.invoke, Answer)
    join = makes(client.Client.join, Answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End everything of this client; answers in progress go on. Idempotent."""
        self._end.detach()
        BACKGROUND.run(self.twin.close())

    def drain(self) -> None:
        """Take nothing new, let publishes and answers come to their ends, then close."""
        self._end.detach()
        BACKGROUND.run(self.twin.drain())


def _in_a_thread(token: Callable[[], str]) -> TokenProvider:
    async def provide() -> str:
        return await asyncio.to_thread(token)

    return provide


def _forget(twin: client.Client) -> None:
    """Close a client that is gone without `close`, also when the process ends."""
    BACKGROUND.start(twin.close())
