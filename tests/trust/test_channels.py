"""Every kind of channel, at every door, for every kind of identity, as docs/security.md has it."""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Final

import grpc
import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from blackroad.core.errors import Code
from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, common_pb2, gateway_pb2
from tests.core.access.world import ALL, Connected, Trunk, bearer, token
from tests.trust.edge import DENIED as EDGE_DENIED
from tests.trust.edge import Browser, edge_of, told
from tests.trust.house import DENIED, House, draft, house, reason
from tests.trust.tables import HOLDERS, channels

pytestmark = pytest.mark.usefixtures("one_loop")

TABLE: Final = channels()
NAMES: Final = sorted({name for name, _ in TABLE})
KINDS: Final = ("user", "agent", "service", "gateway")
BROWSERS: Final = ("user", "agent", "service")
BUT_MANAGE: Final = tuple(action for action in ALL if action != "manage")
STALE: Final = {"if-match": '"none"'}  # of no state: it changes nothing
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
async def here(one_loop: None) -> AsyncGenerator[House]:
    del one_loop
    async with house() as everything:
        yield everything


@pytest.fixture(scope="module")
async def edge(here: House) -> AsyncGenerator[str]:
    async with edge_of(here) as address:
        yield address


def shown_by(holder: str, name: str, kind: str, tenant: str = "default") -> str:
    """Return the token of a holder of the table."""
    spelled = f"{name.partition('.')[0].replace('>', 'orders')}.>"
    grants: Mapping[str, Mapping[str, Sequence[str]]] = {
        "nothing": {},
        "`>`": {">": BUT_MANAGE},
        "`>` and manage": {">": ALL},
        "spelled": {spelled: BUT_MANAGE},
        "spelled and manage": {spelled: ALL},
        "own": {},
    }
    subject = "ann" if holder == "own" else "bob"
    return token(subject, grants[holder], kind=kind, tenant=tenant)


def allowed(name: str, what: str, holder: str, kind: str) -> bool:
    said = TABLE[name, what][holder]
    return {"yes": True, "no": False, "services": kind == "service", "same kind": kind == "user"}[
        said
    ]


class Doors:
    """One identity at each door."""

    def __init__(self, here: House, shown: str, stream: Connected, trunk: Trunk) -> None:
        self._shown = shown
        self._stub = channel_pb2_grpc.ChannelServiceStub(here.core.channel)
        self._stream = stream
        self._trunk = trunk

    async def answers(self, what: str, name: str) -> dict[str, str]:
        """Return, by door, the code with which it denies; nothing where it does not."""
        match what:
            case "read":
                subscribe = channel_pb2.Subscribe(channel=name)
                history = channel_pb2.ListEventsRequest(channel=name)
                found = {
                    "Connect subscribe": await self._connect(subscribe=subscribe),
                    "Trunk subscribe": await self._asked(subscribe=subscribe),
                }
                if not name.endswith(("*", ">")):
                    found["ListEvents"] = await self._call("ListEvents", history)
                    found["Trunk list_events"] = await self._asked(list_events=history)
            case "publish":
                found = {
                    "Connect publish": await self._connect(publish=draft(name)),
                    "Trunk publish": await self._asked(publish=draft(name)),
                    "Publish": await self._call("Publish", draft(name)),
                }
            case _:
                request = channel_pb2.DeleteChannelRequest(name=name, etag="none")  # of no state
                invitation = channel_pb2.CreateInvitationRequest(channel=name)
                invitation.ttl.seconds = -1
                found = {
                    "DeleteChannel": await self._call("DeleteChannel", request),
                    "CreateInvitation": await self._call("CreateInvitation", invitation),
                }
        return {door: code for door, code in found.items() if code in DENIED}

    async def close(self) -> None:
        """Leave."""
        self._stream.call.cancel()
        self._trunk.close()

    async def _call(self, rpc: str, request: object) -> str:
        try:
            await getattr(self._stub, rpc)(request, metadata=bearer(self._shown), timeout=5)
        except grpc.aio.AioRpcError as error:
            return reason(error)
        return ""

    async def _connect(self, **frame: object) -> str:
        """Say a frame; return the code of its refusal, or nothing."""
        number = str(next(_numbers))
        await self._stream.say(number, **frame)
        await self._stream.say("after", ping=common_pb2.Ping())
        refused = ""
        while (answer := await self._stream.next()).request_id != "after":
            if answer.request_id == number and answer.HasField("rejected"):
                refused = Code(answer.rejected.code).name
        return refused

    async def _asked(self, **frame: object) -> str:
        number = str(next(_numbers))
        await self._trunk.control.say(number, session=1, **frame)
        await self._trunk.control.say("after", ping=common_pb2.Ping())
        refused = ""
        while (answer := await self._trunk.control.next()).request_id != "after":
            if answer.request_id == number and answer.HasField("rejected"):
                refused = Code(answer.rejected.code).name
        return refused


class EdgeDoors:
    """One identity at each door of an edge."""

    def __init__(self, browser: Browser, socket: ClientConnection) -> None:
        self._browser = browser
        self._socket = socket

    async def answers(self, what: str, name: str) -> dict[str, str]:
        """Return, by door, the code with which it denies; nothing where it does not."""
        of = f"/v1/channels/{name}"
        ask, body = self._browser.ask, {"channel": name, "content": 1}
        match what:
            case "read":
                found = {
                    "WebSocket subscribe": await self._say("subscribe", room=name),
                    "SSE": await self._browser.follow(name),
                }
                if not name.endswith(("*", ">")):
                    found["WebSocket history"] = await self._say("history", room=name)
                    found["HTTP events"] = await ask("GET", f"{of}/events")
            case "publish":
                found = {
                    "WebSocket message": await self._say("message", room=name, content=1),
                    "HTTP publish": await ask("POST", "/v1/publish", body),
                }
            case _:
                found = {
                    "HTTP delete": await ask("DELETE", of, headers=STALE),
                    "HTTP change": await ask("PATCH", of, {"metadata": {}}, STALE),
                }
        assert "rate_limited" not in found.values()
        return {door: code for door, code in found.items() if code in EDGE_DENIED}

    async def _say(self, kind: str, **fields: object) -> str:
        return await told(self._socket, {"type": kind, **fields})


async def doors(here: House, shown: str) -> Doors:
    trunk = await here.core.trunk(token("edge", kind="gateway"))
    opened = await trunk.opened(1, credential=gateway_pb2.Credential(token=shown))
    assert opened.WhichOneof("frame") == "session_accepted"
    return Doors(here, shown, await here.core.connect(shown), trunk)


def test_the_table_has_every_kind_of_channel() -> None:
    firsts = {name.partition(".")[0] for name in NAMES}
    assert firsts == {
        *("orders", "deals", "presence", "stream", "client", "system", "conversation", ">")
    }
    for name in NAMES:
        pattern = name.endswith(("*", ">")) and name != "stream.<id>"
        assert {what for each, what in TABLE if each == name} == (
            {"read"} if pattern else {"read", "publish", "manage"}
        )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("holder", HOLDERS)
async def test_every_channel_at_every_door(here: House, holder: str, kind: str) -> None:
    wrong: list[str] = []
    for name in NAMES:
        at = await doors(here, shown_by(holder, name, kind))
        real = name.replace("<id>", here.stream_id)
        for what in [what for each, what in TABLE if each == name]:
            denied = await at.answers(what, real)
            if allowed(name, what, holder, kind):
                wrong += [f"{what} {name} is denied by {door}: {denied[door]}" for door in denied]
            elif len(denied) != DOORS[what, is_pattern(name)]:
                wrong.append(f"{what} {name} is denied only by {denied}")
        await at.close()
    assert not wrong


@pytest.mark.parametrize("kind", BROWSERS)
@pytest.mark.parametrize("holder", HOLDERS)
async def test_every_channel_at_every_door_of_an_edge(
    here: House, edge: str, holder: str, kind: str
) -> None:
    wrong: list[str] = []
    subject = "ann" if holder == "own" else "bob"
    for name in NAMES:
        browser = Browser(edge, shown_by(holder, name, kind), subject)
        async with browser, browser.socket() as socket:
            at = EdgeDoors(browser, socket)
            for what in [what for each, what in TABLE if each == name]:
                denied = await at.answers(what, name.replace("<id>", here.stream_id))
                if allowed(name, what, holder, kind):
                    wrong += [f"{what} {name} is denied by {each}" for each in denied.items()]
                elif len(denied) != EDGE_DOORS[what, is_pattern(name)]:
                    wrong.append(f"{what} {name} is denied only by {denied}")
    assert not wrong


def is_pattern(name: str) -> bool:
    return name.endswith(("*", ">")) and "<" not in name


DOORS: Final = {
    ("read", False): 4,
    ("read", True): 2,
    ("publish", False): 3,
    ("manage", False): 2,
}
EDGE_DOORS: Final = {
    ("read", False): 4,
    ("read", True): 2,
    ("publish", False): 2,
    ("manage", False): 2,
}


async def test_a_gateway_is_no_session_at_an_edge(edge: str) -> None:
    everything = {">": ALL, "client.>": ALL, "stream.>": ALL, "system.>": ALL}
    async with Browser(edge, token("bob", everything, kind="gateway"), "bob") as bob:
        async with bob.socket() as socket:
            assert await told(socket, {"type": "subscribe", "room": "orders.new"}) == "forbidden"
        async with bob.socket("/v1/chat/ws") as socket:
            assert await told(socket, {"type": "prompt", "prompt": "hi"}) == "forbidden"
        assert await bob.follow("orders.new") == "forbidden"


@pytest.mark.parametrize("kind", BROWSERS)
async def test_nothing_of_another_tenant_comes_by_an_edge(
    here: House, edge: str, kind: str
) -> None:
    """It follows everything there is, by name and by pattern, and hears of nothing here."""
    everything = {f"{first}>": ALL for first in ("", "client.", "system.", "presence.", "stream.")}
    shown = token("ann", everything, kind=kind, tenant="acme")
    patterns = ("orders.new", ">", "client.ann", "deals.big", "presence.>")
    browser = Browser(edge, shown, "ann")
    streamed = browser.http.stream("GET", f"/events/ann?full=true&channels={','.join(patterns)}")
    async with browser, browser.socket() as socket, streamed as events:
        for pattern in patterns:
            assert await told(socket, {"type": "subscribe", "room": pattern}) == ""
        await here.publish(token("root"), "orders.new")
        await here.publish(token("root"), "deals.big")
        await here.publish(token("root", {"client.>": ALL}, kind="service"), "client.ann")
        async with Browser(edge, token("bob"), "bob") as theirs, theirs.socket():
            await browser.ask("POST", "/v1/publish", {"channel": "orders.new", "content": "mine"})
        heard = await frames_until(socket, "mine")
        assert {frame.get("from") for frame in heard if "event_id" in frame} <= {"ann", None}
        assert not any("bob" in json.dumps(frame) for frame in heard)
        blocks = await blocks_until(events, "mine")
        assert "root" not in blocks
        assert "bob" not in blocks
        for path in ("/v1/channels", "/v1/streams", "/v1/sessions", "/v1/presence"):
            listed = (await browser.http.get(path)).text
            assert "root" not in listed
            assert "bob" not in listed
            assert here.stream_id not in listed
        assert "bob" not in (await browser.http.get("/v1/channels/deals.big/events")).text


async def frames_until(socket: ClientConnection, content: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    async with asyncio.timeout(10):
        while not found or found[-1].get("content") != content:
            found.append(json.loads(await socket.recv()))
    return found


async def blocks_until(events: httpx.Response, content: str) -> str:
    found = ""
    async with asyncio.timeout(10):
        async for text in events.aiter_text():
            found += text
            if f'"{content}"' in found:
                break
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_with_every_right_in_another_tenant_nothing_comes(here: House, kind: str) -> None:
    """Its names are its own: it follows everything there is, and hears of nothing here."""
    everything = {f"{first}>": ALL for first in ("", "client.", "system.", "presence.", "stream.")}
    shown = token("ann", everything, kind=kind, tenant="acme")
    session = await here.core.connect(shown, "orders.new", ">", "client.>", "system.>", "orders.*")
    await here.publish(token("root"), "orders.new")
    await here.publish(token("root", {"client.>": ALL}, kind="service"), "client.ann")
    await here.publish(shown, "orders.new")
    (event,) = (await session.read("delivery")).delivery.events
    assert event.sender == "ann"
    at = await doors(here, shown)
    assert not await at.answers("read", "deals.big"), "theirs is another, and public"
    await session.say("s", subscribe=channel_pb2.Subscribe(channel=f"stream.{here.stream_id}"))
    refused = await session.read("rejected")
    assert Code(refused.rejected.code) is Code.NOT_FOUND
    await at.close()
