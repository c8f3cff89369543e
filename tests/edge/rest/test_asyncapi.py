"""/asyncapi.json against real frames: all that it names is said, and what is said is in it.

The conformance run holds every frame of its sessions against the document, too.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from typing import cast
from uuid import uuid4

import jwt
import pytest
from websockets.asyncio.client import connect

from blackroad.client import Call, Text, Thinking, ToolCall, ToolResult, Usage, Yielded
from blackroad.core.identity import development
from blackroad.edge.rest.asyncapi import asyncapi
from blackroad.edge.rest.glossary import MEANINGS
from tests.conformance.document import Document, of, ours
from tests.docs.test_guide import names_in
from tests.edge.rig import (
    Block,
    Browser,
    EdgeRig,
    an_object,
    next_event,
    running_core,
    running_edge,
)
from tests.journeys.serving import serving

SECONDS = 5
PATTERNS = (">", "stream.>", "presence.>")
# What takes more than this test wants to do, and the test that sees it.
ELSEWHERE = {
    "websocket.send.room.member_count": "tests/core/channel/test_occupants.py::"
    "test_above_the_bound_only_the_number_is_told_once_a_second",
}


async def talkative(call: Call) -> AsyncGenerator[Yielded]:
    """Say one of everything that an agent can say."""
    await call.progress(10, "reading")
    yield Thinking("hm")
    yield ToolCall("t1", "look_up", '{"word": "tide"}')
    yield ToolResult("t1", "sea")
    yield Usage(1, 1)
    given = await call.ask("which one?", {"type": "string"})
    yield Text(f"{call.text} {given}")
    if "fail" in call.text:
        raise RuntimeError("never shown")
    if "wait" in call.text:
        await asyncio.sleep(60)


class Tab:
    """A socket whose frames are all held against the document."""

    def __init__(self, browser: Browser, document: Document, door: str) -> None:
        self._browser = browser
        self._document = document
        self._door = door

    async def say(self, frame: dict[str, object]) -> None:
        """Send a frame."""
        payload = json.dumps(frame)
        self._document.check(self._door, "receive", payload)
        await self._browser.socket.send(payload)

    async def find(self, kind: str, **fields: object) -> dict[str, object]:
        """Return the next frame of a type; what comes before it is held against it, too."""
        (frame,) = await self.find_each({"type": kind, **fields})
        return frame

    async def find_each(self, *wanted: dict[str, object]) -> list[dict[str, object]]:
        """Return the next frames that have these fields, in whatever order they come."""
        missing = list(wanted)
        found: list[dict[str, object]] = []
        async with asyncio.timeout(SECONDS):  # bookmarks come for ever
            while missing:
                frame = await self._browser.next()
                self._document.check(self._door, "send", json.dumps(frame))
                for fields in missing:
                    if fields.items() <= frame.items():
                        missing.remove(fields)
                        found.append(frame)
                        break
        return found

    async def ask(self, kind: str, answer: str, **fields: object) -> dict[str, object]:
        """Send a frame with an id of its own, and return what answers it."""
        request_id = uuid4().hex
        await self.say({"type": kind, "id": request_id, **fields})
        return await self.find(answer, id=request_id)

    async def ask_history(self, room: str, limit: int) -> None:
        """Read a page of the past, whose events are frames as live ones are."""
        page = await self.ask("history", "history", room=room, limit=limit)
        assert isinstance(page["events"], list)
        events = cast("list[object]", page["events"])
        assert len(events) == limit
        for event in events:
            self._document.check(self._door, "send", json.dumps(event))


def token(subject: str) -> str:
    now = int(time.time())
    everything = ["subscribe", "publish", "presence", "invoke", "manage"]
    grants = [{"pattern": pattern, "actions": everything} for pattern in PATTERNS]
    claims = {"sub": subject, "kind": "user", "jti": uuid4().hex, "iat": now, "exp": now + 600}
    return jwt.encode({**claims, "grants": grants}, development.SECRET, algorithm="HS256")


class Reader:
    """A stream of events that is held against the document."""

    def __init__(self, events: AsyncIterator[Block], document: Document) -> None:
        self._events = events
        self._document = document

    async def find(self, name: str) -> Block:
        """Return the next event of a name; what comes before it is held against it, too."""
        while True:
            block = await next_event(self._events)
            self._document.check("events", "send", json.dumps(block.data), block.event)
            if block.event == name:
                return block


async def talks(tab: Tab, agent: str) -> None:
    """Say one of each frame, and hear all that answers."""
    await tab.find("welcome")
    await tab.ask("token", "accepted", token=token("tess"))
    await tab.ask("ping", "pong")
    await tab.ask("subscribe", "subscribed", room="room", presence=True)
    await tab.ask("message", "published", room="room", content={"n": 1}, headers={"a": "b"})
    await tab.ask("publish", "published", room="room", event="n.counted", data="AAE=")
    await tab.ask_history("room", 2)
    await tab.ask("presence", "presence", room="room")
    await tab.ask("presence.update", "accepted", status="busy", metadata={"page": 1})
    await tab.ask("message", "error", room="no such name", content=1)
    await tab.say({"type": "agent.invoke", "id": "a", "agent": agent, "input": "wait"})
    asked = await tab.find("agent.response", id="a", status="input_required")
    stream_id = str(asked["stream_id"])
    await tab.ask("input", "accepted", stream_id=stream_id, content="this")
    await tab.find("agent.response", status="streaming")
    await tab.ask("subscribe", "subscribed", room=f"stream.{stream_id}")
    await tab.say({"type": "cancel", "id": "c", "stream_id": stream_id})
    cancelled: dict[str, object] = {"type": "agent.response", "status": "cancelled"}
    await tab.find_each({"type": "accepted", "id": "c"}, cancelled)  # by ways of their own
    await tab.find("bookmark")
    await tab.ask("unsubscribe", "unsubscribed", room="room")


async def prompts(tab: Tab, agent: str) -> None:
    """Use the chat socket: an answer, a failure, a cancel, a flood."""
    await tab.say({"type": "ping", "id": "p"})
    await tab.find("pong")
    for request_id, prompt in (("a", "hello"), ("b", "fail")):
        await tab.say({"prompt": prompt, "agent": agent, "id": request_id})
        await tab.find("chunk", id=request_id)
        await tab.say({"type": "input", "id": request_id, "content": "this"})
        await tab.find("done" if request_id == "a" else "error", id=request_id)
    for number in range(60):
        await tab.say({"prompt": "one too many", "agent": "NOBODY", "id": f"{number}"})
    while (await tab.find("error"))["code"] != "rate_limited":
        pass


async def rooms(tab: Tab, other: Tab) -> None:
    """See who comes and goes where nobody made the channel."""
    await tab.ask("subscribe", "subscribed", room="agents", presence=True)
    await other.ask("subscribe", "subscribed", room="agents")
    await tab.find("room.joined")
    await other.ask("unsubscribe", "unsubscribed", room="agents")
    await tab.find("room.left")


async def made_channels(edge: EdgeRig, tab: Tab, other: Tab, reader: Reader) -> None:
    """See all that a channel tells of itself, from its making to its end.

    Who follows it by name hears only that the subscription has ended.
    """
    await tab.ask("subscribe", "subscribed", room="made.*")
    async with edge.http() as http:
        made = await http.post("/v1/channels", json={"name": "made.one", "presence": True})
        made.raise_for_status()
        await tab.ask("subscribe", "subscribed", room="made.one", presence=True)
        await tab.find("channel.presence_update")
        await other.ask("subscribe", "subscribed", room="made.one")
        await other.ask("message", "published", room="made.one", content="hello")
        await tab.find("channel.member_joined", client_id="mia")
        await other.ask("unsubscribe", "unsubscribed", room="made.one")
        await tab.find("channel.member_left", client_id="mia")
        (await http.put("/v1/channels/made.one/members/eve")).raise_for_status()
        (await http.delete("/v1/channels/made.one/members/eve")).raise_for_status()
        (await http.patch("/v1/channels/made.one", json={"max_members": 9})).raise_for_status()
        (await http.delete("/v1/channels/made.one")).raise_for_status()
    await tab.find("channel.deleted")
    await reader.find("message")
    for happened in ("member_added", "member_removed", "updated", "deleted"):
        await reader.find(f"channel.{happened}")


async def test_every_message_of_the_document_is_said_and_every_frame_is_in_it() -> None:
    async with AsyncExitStack() as clients, AsyncExitStack() as edges, AsyncExitStack() as cores:
        address = await cores.enter_async_context(running_core())
        edge = await edges.enter_async_context(running_edge(address, ping_interval_seconds=1))
        document = await asyncio.to_thread(of, edge.address)

        async def tab(client_id: str, door: str, path: str, shown: str = "") -> Tab:
            headers = {"Authorization": f"Bearer {shown}"} if shown else {}
            uri = f"ws://{edge.address}{path}{client_id}"
            socket = await clients.enter_async_context(connect(uri, additional_headers=headers))
            return Tab(Browser(socket), document, door)

        async def reader(channels: str) -> Reader:
            path = f"/events/ann?full=true&channels={channels}"
            events = await clients.enter_async_context(edge.events(path))
            found = Reader(events, document)
            await found.find("connected")
            return found

        chat = await tab("", "chat", "/v1/chat/ws")
        tess, mia = [await tab(name, "websocket", "/ws/", token(name)) for name in ("tess", "mia")]
        answers, made = await reader("stream.>"), await reader("made.*")
        async with serving(address, "TALKATIVE", talkative):
            await prompts(chat, "TALKATIVE")
            await talks(tess, "TALKATIVE")
            await answers.find("agent.response")
        await rooms(tess, mia)
        await made_channels(edge, tess, mia, made)
        await cores.aclose()
        async with running_core(address):
            await tess.find("gap")
            await answers.find("gap")
            async with asyncio.TaskGroup() as tasks:
                for client in (chat, tess, answers):
                    tasks.create_task(client.find("closing"))
                await edges.aclose()
    assert document.messages - document.seen == set(ELSEWHERE)


def test_every_field_is_explained_and_no_word_is_left_over() -> None:
    schemas = an_object(an_object(asyncapi()["components"])["schemas"])
    fields = {
        f"{name}.{field}": an_object(value)
        for name, schema in schemas.items()
        for field, value in an_object(an_object(schema).get("properties", {})).items()
    }
    bare = {
        name for name, value in fields.items() if "description" not in value and "enum" not in value
    }
    assert bare == set()
    words = {*fields, *(name.rpartition(".")[2] for name in fields)}
    assert set(MEANINGS) <= words


def test_what_this_test_does_not_see_another_does() -> None:
    for test in ELSEWHERE.values():
        path, _, name = test.partition("::")
        assert name in names_in(path)


@pytest.mark.parametrize(
    ("door", "action", "frame", "name"),
    [
        ("websocket", "send", {"type": "pong", "id": "1", "more": 1}, ""),
        ("websocket", "send", {"type": "gap", "room": "r", "reason": "lost", "cursor": "c"}, ""),
        ("websocket", "send", {"type": "published", "room": "r"}, ""),
        ("websocket", "receive", {"type": "cancel"}, ""),
        ("events", "send", {"client_id": "a", "session_id": "s", "cursor": "c"}, "gap"),
        ("chat", "send", {"type": "done", "usage": 1}, ""),
    ],
)
def test_a_frame_that_is_not_in_the_document_is_a_fault(
    door: str, action: str, frame: dict[str, object], name: str
) -> None:
    with pytest.raises(AssertionError, match="is not in the document"):
        ours().check(door, action, json.dumps(frame), name)
