"""Who does not read for a while gets all the same what a full queue has dropped."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import pytest
from websockets.asyncio.client import connect

from blackroad.edge.trunk import Session
from blackroad.edge.trunk.patterns import matches
from blackroad.realtime.v1 import channel_pb2, event_pb2, gateway_pb2
from tests.edge.rig import Browser, EdgeRig, running_edge, until
from tests.edge.trunk.peer import Request, ScriptedCore, scripted

pytestmark = pytest.mark.usefixtures("one_loop")
ANSWER = "stream.st_1"
ROOM = "room"
TASKS = "task.*"
NUMBERS = {ROOM: 1, ANSWER: 2, "stream.>": 3, "stream.*": 3, TASKS: 4, "task.a": 4, "task.b": 4}
PIECE = "x" * 50_000
QUEUE_BYTES = 1 << 20
MANY = 30  # pieces: more than a queue takes
STEADY_SECONDS = 0.05  # who takes nothing for so long takes no more
SECONDS = 10.0


@dataclass
class Story:
    """A core that knows what it has said, and says it again to who asks for it."""

    core: ScriptedCore
    rig: EdgeRig
    said: list[event_pb2.Event] = field(default_factory=list)

    async def tell(self) -> None:
        """Answer whatever is asked, until cancelled."""
        while True:
            asked = await self.core.heard.get()
            match asked.WhichOneof("frame"):
                case "start":
                    opened = gateway_pb2.AnswerOpened(stream_id="st_1")
                    ids = {"session": asked.session, "request_id": asked.request_id}
                    self.core.say("control", **ids, answer_opened=opened)
                    self._follow(asked, ANSWER, "")
                case "subscribe":
                    self._follow(asked, asked.subscribe.channel, asked.subscribe.cursor)
                case "unsubscribe" if asked.request_id:
                    gone = channel_pb2.Unsubscribed(channel=asked.unsubscribe.channel)
                    ids = {"session": asked.session, "request_id": asked.request_id}
                    self.core.say("control", **ids, unsubscribed=gone)
                case _:
                    pass

    def _follow(self, asked: Request, channel: str, cursor: str) -> None:
        ids = {"session": asked.session, "request_id": asked.request_id}
        at = str(len(self.said))
        later = self.said[int(cursor or at) :]
        missed = [event for event in later if matches(channel, event.channel)]
        stands = channel_pb2.Subscribed(channel=channel, cursor=cursor or at)
        self.core.say("catch_up", **ids, subscribed=stands)
        for event in missed:
            delivery = event_pb2.Delivery(events=[event], subscription=channel)
            self.core.say("catch_up", session=asked.session, delivery=delivery)
        join = gateway_pb2.Join(number=NUMBERS[channel], channel=channel)
        self.core.say("live", **ids, join=join)
        caught_up = channel_pb2.CaughtUp(channel=channel, cursor=at)
        self.core.say("catch_up", **ids, caught_up=caught_up)

    def live(self, *events: event_pb2.Event) -> None:
        """Say events, all in one frame."""
        for event in events:
            self.said.append(event)
            event.cursor = str(len(self.said))
            event.epoch, event.offset = 1, self.count(event.channel)
        items = [gateway_pb2.TrunkEvent(event=e, numbers=[NUMBERS[e.channel]]) for e in events]
        self.core.say("live", live=gateway_pb2.TrunkDelivery(events=items))

    @property
    def session(self) -> Session:
        (session,) = self.rig.edge.context.trunk.sessions.values()
        return session

    @property
    def queued_bytes(self) -> int:
        """How much waits in the edge because the client takes no more."""
        receiver = self.session.receiver
        return 0 if receiver is None else receiver.queued_bytes

    async def fill(self, channel: str, upto_bytes: int = 1) -> None:
        """Say pieces until so much waits."""
        async with asyncio.timeout(SECONDS):
            while self.queued_bytes < upto_bytes:
                await self._say_more(channel)

    async def _say_more(self, channel: str) -> None:
        before = self.queued_bytes
        self.live(piece(channel))
        with suppress(TimeoutError):
            async with asyncio.timeout(STEADY_SECONDS):
                await until(lambda: self.queued_bytes > before)

    async def heard(self) -> None:
        """Wait until the edge has all that was said."""
        await until(lambda: self.rig.edge.context.trunk.cursor == str(len(self.said)))

    def count(self, channel: str) -> int:
        """Count what was said on a channel."""
        return sum(event.channel == channel for event in self.said)


def piece(channel: str) -> event_pb2.Event:
    """Return a long message of the room, or a long piece of the answer's text."""
    if channel == ANSWER:
        update = event_pb2.AnswerUpdate(text_delta=PIECE)
        return event_pb2.Event(channel=ANSWER, type="agent.response", answer=update)
    return event_pb2.Event(channel=channel, type="message", json=json.dumps(PIECE))


def delta(text: str) -> event_pb2.Event:
    """Return a short piece of the answer's text: it waits for the roll-up, but for the first."""
    update = event_pb2.AnswerUpdate(text_delta=text)
    return event_pb2.Event(channel=ANSWER, type="agent.response", answer=update)


def ending() -> event_pb2.Event:
    update = event_pb2.AnswerUpdate(finished=event_pb2.AnswerFinished())
    return event_pb2.Event(channel=ANSWER, type="agent.response", answer=update)


@asynccontextmanager
async def story() -> AsyncGenerator[Story]:
    async with scripted() as (core, address), running_edge(address) as rig:
        made = Story(core, rig)
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(made.tell())
            yield made
            telling.cancel()


@asynccontextmanager
async def following(rig: EdgeRig, *rooms: str) -> AsyncGenerator[Browser]:
    """Give a browser that reads only what is asked for."""
    url = f"ws://{rig.address}/ws/slow"
    async with connect(url, max_queue=1, compression=None, max_size=None) as socket:
        browser = Browser(socket)
        await browser.next()
        for room in rooms:
            await browser.follow(room)
        yield browser


async def told(browser: Browser, messages: int) -> tuple[int, str]:
    """Return how many messages and what text came, when all of the former and the ending have."""
    count, text, ended = 0, "", False
    while count < messages or not ended:
        frame = await browser.next()
        count += frame["type"] == "message"
        if frame["type"] == "agent.response":
            text += str(frame.get("delta", ""))
            ended = ended or frame["status"] == "finished"
    return count, text


async def test_an_ending_that_a_full_queue_has_dropped_comes_again() -> None:
    async with story() as tale, following(tale.rig, ROOM) as browser:
        await browser.say("agent.invoke", agent="ECHO", input="hi", id="ask")
        await until(lambda: ANSWER in tale.session.subscriptions)
        await tale.fill(ROOM)
        tale.live(piece(ANSWER), ending(), *[piece(ROOM) for _ in range(MANY)])
        await tale.heard()
        assert tale.session.viewing, "it has no ending yet"
        assert await told(browser, tale.count(ROOM)) == (tale.count(ROOM), PIECE)
        await until(lambda: not tale.session.viewing)


@pytest.mark.parametrize(
    ("path", "body", "last"),
    [
        ("/v1/chat/stream", {"prompt": "hi", "agent": "ECHO"}, b'"done":true'),
        (
            "/v1/chat/completions",
            {"model": "ECHO", "stream": True, "messages": [{"role": "user", "content": "hi"}]},
            b"data: [DONE]",
        ),
    ],
)
async def test_a_response_whose_end_a_full_queue_has_dropped_is_whole(
    path: str, body: object, last: bytes
) -> None:
    async with story() as tale:
        document = json.dumps(body).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(document)}\r\n\r\n"
        )
        host, _, port = tale.rig.address.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=4096)
        writer.write(head.encode() + document)
        await until(lambda: bool(tale.rig.edge.context.trunk.sessions))
        await until(lambda: ANSWER in tale.session.subscriptions)
        await tale.fill(ANSWER, QUEUE_BYTES - len(PIECE))
        tale.live(piece(ANSWER), piece(ANSWER), ending())
        await tale.heard()
        async with asyncio.timeout(SECONDS):
            response = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        assert last in response[-1000:]
        assert response.count(b"x") >= len(PIECE) * (tale.count(ANSWER) - 1)


async def test_what_waits_when_the_core_is_lost_is_not_lost_by_a_full_queue() -> None:
    async with story() as tale, following(tale.rig, ROOM) as browser:
        await tale.fill(ROOM)
        tale.core.hang_up()
        restarts = tale.rig.edge.context.trunk.restarts
        await until(lambda: tale.rig.edge.context.trunk.restarts > restarts)
        await until(lambda: bool(tale.session.following.numbers))
        tale.live(*[piece(ROOM) for _ in range(MANY)])
        await tale.heard()
        for _ in tale.said:
            await browser.find("message")


@pytest.mark.parametrize("pattern", ["stream.>", "stream.*"])
async def test_who_follows_answers_by_a_pattern_waits_for_none(pattern: str) -> None:
    async with story() as tale, following(tale.rig, pattern):
        assert not tale.session.viewing


@pytest.mark.parametrize(("name", "channels"), [(ROOM, [ROOM]), (TASKS, ["task.a", "task.b"])])
async def test_what_was_handed_on_while_an_answer_waited_comes_once(
    name: str, channels: list[str]
) -> None:
    async with story() as tale, following(tale.rig, name, ANSWER) as browser:
        room = [
            event_pb2.Event(
                channel=channels[number % len(channels)],
                type="message",
                json=json.dumps(f"{number} {PIECE}"),
            )
            for number in range(2 * MANY)
        ]
        # While "b" waits, all are resumed from before it, whatever else was handed on since.
        tale.live(delta("a"), delta("b"), *room)
        await tale.heard()
        tale.live(ending())
        heard: list[int] = []
        text, ended = "", False
        while len(heard) < len(room) or not ended:
            frame = await browser.next()
            if frame["type"] == "message":
                heard.append(int(str(frame["content"]).partition(" ")[0]))
            if frame["type"] == "agent.response":
                text += str(frame.get("delta", ""))
                ended = ended or frame["status"] == "finished"
        assert heard == list(range(len(room)))
        assert text == "ab"
