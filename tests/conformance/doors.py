"""What a door does for a client, said once: sessions, events and answers in common records."""

import asyncio
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar, final

from tests.conformance.records import (
    CaughtUp,
    Closed,
    Event,
    Gap,
    Item,
    Lost,
    Published,
    Subscribed,
    Unsubscribed,
    Update,
)

T = TypeVar("T")
WAIT_SECONDS: Final = 30.0
ENDINGS: Final = frozenset({"finished", "failed", "cancelled"})


@dataclass(slots=True)
class Inbox:
    """What a session has received, in order, and the newest cursor that holds for it."""

    cursor: str = ""
    items: asyncio.Queue[Item] = field(default_factory=asyncio.Queue[Item])

    def put(self, item: Item, cursor: str = "") -> None:
        """Take an item, and the cursor that came with it."""
        self.cursor = cursor or self.cursor
        self.items.put_nowait(item)

    async def item(self) -> Item:
        """Return the next item."""
        return await soon(self.items.get())

    async def event(self) -> Event:
        """Return the next event; anything but an event or CaughtUp fails the test."""
        while True:
            match await self.item():
                case Event() as event:
                    return event
                case CaughtUp():
                    continue
                case other:
                    raise AssertionError(f"an event was expected, not {other}")

    async def events(self, count: int) -> list[Event]:
        """Return the next events."""
        return [await self.event() for _ in range(count)]

    async def said(self) -> Event:
        """Return the next event that somebody published, not one of the channel about itself."""
        while (event := await self.event()).type.startswith("channel."):
            pass
        return event

    async def of_type(self, *types: str) -> Event:
        """Return the next event of one of these types; others are passed over."""
        while True:
            event = await self.event()
            if event.type in types:
                return event

    async def ended(self) -> Unsubscribed | Closed:
        """Return how a subscription ended; an event before it fails the test."""
        item = await self.item()
        while isinstance(item, CaughtUp):
            item = await self.item()
        assert isinstance(item, Unsubscribed | Closed), item
        return item

    async def gap(self) -> Gap:
        """Return the next gap; events before it are passed over."""
        while True:
            item = await self.item()
            if isinstance(item, Gap):
                return item

    async def caught_up(self) -> list[Event]:
        """Return the events until the subscription has caught up."""
        events: list[Event] = []
        while True:
            match await self.item():
                case Event() as event:
                    events.append(event)
                case CaughtUp():
                    return events
                case other:
                    raise AssertionError(f"{other} while catching up")

    async def closed(self) -> Closed:
        """Return the session's ending; what comes before it is passed over."""
        while True:
            item = await self.item()
            if isinstance(item, Closed):
                return item


@final
class View:
    """One viewer of one answer, from its first frame to the ending."""

    def __init__(self, stream_id: str = "") -> None:
        self.stream_id = stream_id
        self.cursor = ""
        self.updates: asyncio.Queue[Update] = asyncio.Queue()

    def put(self, update: Update) -> None:
        """Take an update."""
        self.updates.put_nowait(update)

    async def update(self) -> Update:
        """Return the next update."""
        update = await soon(self.updates.get())
        self.cursor = update.cursor or self.cursor
        return update

    async def until(self, *statuses: str) -> list[Update]:
        """Return the updates up to the first of one of these statuses."""
        seen = [await self.update()]
        while seen[-1].status not in statuses:
            seen.append(await self.update())
        return seen

    async def rest(self) -> list[Update]:
        """Return the updates up to the ending."""
        return await self.until(*ENDINGS)


class Session(Protocol):
    """One client at a door. Requests raise Refused where they are refused."""

    @property
    def subject(self) -> str:
        """Who the server takes it for."""
        ...

    @property
    def inbox(self) -> Inbox:
        """What it receives."""
        ...

    async def subscribe(
        self,
        room: str,
        *,
        cursor: str | None = None,
        history: int | None = None,
        presence: bool = False,
    ) -> Subscribed:
        """Follow a channel or pattern; returns once it stands."""
        ...

    async def unsubscribe(self, room: str) -> None:
        """Stop following it."""
        ...

    async def publish(
        self, room: str, content: object, *, event: str = "message", key: str = ""
    ) -> Published:
        """Append one event."""
        ...

    async def history(
        self, room: str, limit: int, *, before: int | None = None, after: int | None = None
    ) -> list[Event]:
        """Read a page of a channel's past."""
        ...

    async def invoke(self, agent: str, text: str) -> View:
        """Ask an agent; returns once the answer has an id."""
        ...

    async def join(self, stream_id: str, cursor: str | None = None) -> View:
        """View an answer: from a snapshot, or after a cursor."""
        ...

    async def cancel(self, stream_id: str) -> None:
        """Cancel an answer."""
        ...

    async def drop(self) -> None:
        """Lose the connection without a goodbye."""
        ...


class Door(Protocol):
    """One way in. `several` says whether one session may have several subscriptions."""

    @property
    def name(self) -> str:
        """The door's name."""
        ...

    @property
    def several(self) -> bool:
        """Whether a session may follow several rooms at once, each by its own request."""
        ...

    def session(
        self, client_id: str = "visitor", token: str = ""
    ) -> AbstractAsyncContextManager[Session]:
        """Connect; the context's end is a clean goodbye where the door has one."""
        ...


async def soon(waited: Awaitable[T]) -> T:
    """Await with a deadline, so that what never comes fails the test."""
    async with asyncio.timeout(WAIT_SECONDS):
        return await waited


class Asked:
    """The requests of a session that wait for their answers, by request id."""

    def __init__(self) -> None:
        self._futures: dict[str, asyncio.Future[object]] = {}
        self._count = 0

    def new(self) -> tuple[str, asyncio.Future[object]]:
        """Return a fresh request id and where its answer comes."""
        self._count += 1
        request_id = f"r{self._count}"
        self._futures[request_id] = asyncio.get_running_loop().create_future()
        return request_id, self._futures[request_id]

    def answer(self, request_id: str, answer: object) -> bool:
        """Give an answer, or an exception; False where nobody waits for it."""
        future = self._futures.pop(request_id, None)
        if future is None:
            return False
        if isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
        return True

    def close(self, code: str) -> None:
        """Tell all that wait that the session has ended."""
        for request_id in list(self._futures):
            self.answer(request_id, Lost(code))
