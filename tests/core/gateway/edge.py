"""An edge by the letter of gateway.proto, driven step by step over a trunk of a real node."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

from blackroad.core.gateway.feed import Feed
from blackroad.core.identity.development import developer_service
from blackroad.core.log.base import Append
from blackroad.core.log.cursor import decode_cursor
from blackroad.core.node import Node
from blackroad.core.settings import CoreSettings, RetentionSettings
from blackroad.realtime.v1 import admin_pb2, channel_pb2, gateway_pb2
from tests.core.gateway.browsers import Browser, Followed, nothing, token

Request = gateway_pb2.TrunkRequest
Response = gateway_pb2.TrunkResponse
DEVELOPER = developer_service()


class Edge:
    """Sessions over one trunk at a time; `reads_live` is whether it reads LIVE."""

    def __init__(self, node: Node, max_queued_bytes: int) -> None:
        self.node = node
        self.browsers: dict[int, Browser] = {}
        self.reads_live = True
        self.lagged = 0
        self.crossed: list[int] = []  # sequences on LIVE
        self.control: list[Response] = []
        self.cursor = ""  # where LIVE stands
        self.turns = 0  # how often that has moved
        self._max_queued_bytes = max_queued_bytes
        self._requests = 0
        self._open()

    def _open(self) -> None:
        self._closed = False
        node = self.node
        trunk = self.trunk = node.open_trunk(DEVELOPER, self.cursor)
        trunk.feed.close()
        trunk.feed = Feed(
            node.hub,
            node.directory,
            trunk.pump,
            trunk.restart,
            self._max_queued_bytes,
            trunk.restore.after if trunk.restore else None,
        )
        self._pumping = asyncio.ensure_future(trunk.pump.run())

    async def close(self) -> None:
        """Lose the trunk."""
        if self._closed:
            return
        self._closed = True
        self._pumping.cancel()
        await asyncio.wait([self._pumping])
        self.node.trunks.remove(self.trunk)
        self.trunk.close()

    async def reconnect(self, between: Callable[[], Awaitable[None]] = nothing) -> None:
        """Lose the trunk and come back by another, with everything that was followed.

        `between` happens before `restored` is said.
        """
        await self.close()
        self._open()
        for browser in self.browsers.values():
            opened = self.opened(browser)
            await self.trunk.handle(Request(session=browser.number, session_opened=opened))
            for one in tuple(browser.following.values()):
                cursor = self._stands(browser, one)
                one.caught_up = one.restored = False
                one.joined_turn = None
                subscribe = channel_pb2.Subscribe(channel=one.channel, cursor=cursor)
                request = Request(
                    session=browser.number, request_id=one.request_id, subscribe=subscribe
                )
                await self.trunk.handle(request)
            browser.numbers.clear()
            browser.held.clear()
            browser.owed = 0
        await between()
        await self.trunk.handle(Request(restored=gateway_pb2.Restored()))

    def _stands(self, browser: Browser, one: Followed) -> str:
        """Return from where a subscription is resumed: LIVE's place, once it holds for it."""
        holds = one.caught_up and one.joined_turn is not None and self.turns > one.joined_turn
        one.cursor = self.cursor if holds and not browser.held else one.cursor
        return one.cursor

    def opened(self, browser: Browser) -> gateway_pb2.SessionOpened:
        """Return what is said of a browser that comes, or comes back."""
        return gateway_pb2.SessionOpened(
            credential=gateway_pb2.Credential(token=token(browser.subject)),
            door=admin_pb2.DOOR_WEBSOCKET,
            session_id=browser.session_id,
        )

    async def open(self, number: int, subject: str) -> Browser:
        """Let a browser come."""
        browser = self.browsers[number] = Browser(number, subject)
        await self.trunk.handle(Request(session=number, session_opened=self.opened(browser)))
        await self.turn()
        assert browser.session_id
        return browser

    async def leave(self, browser: Browser, *, clean: bool = True) -> None:
        """Let a browser go."""
        del self.browsers[browser.number]
        closed = gateway_pb2.SessionClosed(clean=clean)
        await self.trunk.handle(Request(session=browser.number, session_closed=closed))

    async def subscribe(
        self, browser: Browser, channel: str, *, cursor: str = "", history: int | None = None
    ) -> Followed:
        """Follow a channel or pattern; it replaces what the browser had under this name."""
        self._requests += 1
        subscribe = channel_pb2.Subscribe(channel=channel)
        if cursor:
            subscribe.cursor = cursor
        elif history is not None:
            subscribe.history = history
        request = Request(
            session=browser.number, request_id=str(self._requests), subscribe=subscribe
        )
        followed = browser.by_request[request.request_id] = Followed(channel, request.request_id)
        await self.trunk.handle(request)
        return followed

    async def unsubscribe(self, browser: Browser, channel: str) -> None:
        """Follow a channel no more, whatever was asked before and is under way."""
        for one in browser.by_request.values():
            one.ended = one.ended or one.channel == channel
        if former := browser.following.pop(channel, None):
            browser.former.append(former)
            browser.release()
        unsubscribe = channel_pb2.Unsubscribe(channel=channel)
        await self.trunk.handle(Request(session=browser.number, unsubscribe=unsubscribe))

    def give_back(self, browser: Browser) -> None:
        """Give a session's credit back."""
        if browser.credits and browser.owed:
            owed, browser.owed = browser.owed, 0
            self.trunk.credit(browser.number, owed)

    async def turn(self) -> None:
        """Read what waits on each stream."""
        trunk = self.trunk
        await asyncio.sleep(0)
        while trunk.control.size:
            for frame in await _taken(trunk.control.take()):
                self._control(frame)
        while trunk.catch_up.size:
            for frame in await _taken(trunk.catch_up.take()):
                self._catch_up(frame)
        while self.reads_live and trunk.feed.outbox.size:
            for frame in await _taken(trunk.feed.outbox.take()):
                self._live(frame)
            trunk.pump.wake(trunk.feed)

    async def settle(self) -> None:
        """Read until nothing more comes."""
        self.reads_live = True
        for browser in self.browsers.values():
            browser.credits = True
        async with asyncio.timeout(10):
            await mark(self.node)
            self.trunk.bookmark()
            while self._busy():
                for browser in self.browsers.values():
                    self.give_back(browser)
                await self.turn()
            self.trunk.bookmark()
            await self.turn()

    def _busy(self) -> bool:
        trunk = self.trunk
        return (
            trunk.feed.behind
            or bool(trunk.feed.outbox.size or trunk.catch_up.size or trunk.control.size)
            or any(session.catching_up for session in trunk.sessions.values())
        )

    def _control(self, frame: Response) -> None:
        self.control.append(frame)
        browser = self.browsers.get(frame.session)
        if browser is None:
            return
        match frame.WhichOneof("frame"):
            case "session_accepted":
                browser.session_id = frame.session_accepted.session_id
            case "session_ended":
                browser.ended = True
            case "unsubscribed":
                if frame.unsubscribed.code:
                    raise AssertionError("nobody took a right away that was needed")
            case _:
                pass

    def _catch_up(self, frame: Response) -> None:
        browser = self.browsers.get(frame.session)
        if frame.HasField("delivery"):
            size = frame.delivery.ByteSize()
            self.trunk.credit(0, size)
            if browser is None:
                return
            browser.owed += size
            self.give_back(browser)
            if followed := browser.following.get(frame.delivery.subscription):
                for event in frame.delivery.events:
                    followed.take(event, missed=True)
        elif browser is not None:
            followed = browser.by_request[frame.request_id]
            if followed.ended:
                return
            if frame.HasField("subscribed"):
                _stand(browser, followed, frame.subscribed)
            elif frame.HasField("caught_up"):
                followed.caught_up = True
                followed.cursor = frame.caught_up.cursor
                browser.release()

    def _live(self, frame: Response) -> None:
        browser = self.browsers.get(frame.session)
        match frame.WhichOneof("frame"):
            case "live":
                for item in frame.live.events:
                    self.crossed.append(item.event.sequence)
                    self._hand_on(item)
                    self._move(item.event.cursor)
            case "bookmark":
                self._move(frame.bookmark.cursor)
            case "join":
                if browser is not None:
                    followed = browser.by_request[frame.request_id]
                    self._join(followed, frame.join)
                    browser.numbers.setdefault(frame.join.number, set()).add(followed)
            case "part":
                if browser is not None:
                    browser.numbers.pop(frame.part.number, None)
            case "lagging":
                self.lagged += 1
            case _:
                pass

    def _move(self, cursor: str) -> None:
        self.cursor = cursor
        self.turns += 1

    def _join(self, followed: Followed, join: gateway_pb2.Join) -> None:
        if followed.joined_turn is None:
            followed.joined_turn = self.turns
        if join.restored:
            followed.restored = followed.caught_up = True

    def _hand_on(self, item: gateway_pb2.TrunkEvent) -> None:
        for browser in self.browsers.values():
            followed: set[Followed] = set()
            for number in item.numbers:
                followed |= browser.numbers.get(number, set())
            if followed:
                browser.live(item.event, followed)


def _stand(browser: Browser, followed: Followed, frame: channel_pb2.Subscribed) -> None:
    before = browser.following.get(followed.channel)
    if before is not None and before is not followed:
        before.ended = True
        browser.former.append(before)
    browser.following[followed.channel] = followed
    if frame.gap:
        followed.gaps.append(frame.gap)
    if followed.begins < 0 or (frame.HasField("recovered") and not frame.recovered):
        followed.begins = decode_cursor(frame.cursor).places[0][1]
        followed.events.clear()
    followed.cursor = frame.cursor
    browser.release()


async def _taken(taking: Awaitable[bytes | None]) -> list[Response]:
    raw = await taking
    assert raw is not None
    assert len(raw) <= (1 << 20) + 100
    response = Response.FromString(raw)
    return list(response.batch.frames) if response.HasField("batch") else [response]


async def mark(node: Node) -> None:
    """Return when the node has handed on all that is in the log."""
    record = node.publisher.record("system.mark", "mark")
    (appended,) = await node.publisher.emit([Append("default.system.mark", [record])])
    await node.hub.reached((appended.position,))


@asynccontextmanager
async def running(
    max_queued_bytes: int = 64 << 20, retained_bytes: int = 64 << 20
) -> AsyncGenerator[Edge]:
    """Run a node and an edge."""
    retention = RetentionSettings(bytes=retained_bytes)
    async with Node.create(CoreSettings(grpc="127.0.0.1:0", retention=retention)) as node:
        edge = Edge(node, max_queued_bytes)
        try:
            yield edge
        finally:
            await edge.close()
