"""The WebSocket's handshake: who comes, under which subprotocol, and how a refusal is told."""

import asyncio
import json
from contextlib import suppress

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.typing import Subprotocol

from tests.edge.rig import EdgeRig, running_edge


async def test_welcome_is_first_and_says_who(edge: EdgeRig) -> None:
    async with edge.browser("alice") as alice:
        welcome = alice.welcome
        assert welcome["type"] == "welcome"
        assert welcome["client_id"] == "alice"
        assert str(welcome["session_id"]).startswith("se_")
        assert welcome["protocol"] == 1
        assert welcome["node"]
        assert welcome["limits"]


async def test_the_versions_subprotocol_is_selected_and_no_token(edge: EdgeRig) -> None:
    offered = [Subprotocol("bearer.x.y.z"), Subprotocol("blackroad.v1")]
    async with connect(f"ws://{edge.address}/ws/a", subprotocols=offered) as socket:
        assert socket.subprotocol == "blackroad.v1"


async def test_another_version_is_refused_in_band(edge: EdgeRig) -> None:
    offered = [Subprotocol("blackroad.v2")]
    async with connect(f"ws://{edge.address}/ws/a", subprotocols=offered) as socket:
        assert json.loads(await socket.recv())["type"] == "closing"
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4400


@pytest.mark.parametrize("path", ["/ws/a", "/v1/chat/ws"])
async def test_a_binary_message_is_told_of_and_ends_the_socket(edge: EdgeRig, path: str) -> None:
    async with connect(f"ws://{edge.address}{path}") as socket:
        await socket.send(b"bytes")
        frames: list[object] = []
        with suppress(ConnectionClosedError):
            async for text in socket:
                frame = json.loads(text)
                frames.append((frame["type"], frame.get("code")))
        assert frames[-1:] == [("closing", "bad_frame")]
        assert socket.close_code == 4400


@pytest.mark.parametrize("header", [{"Origin": "http://evil.example"}, {"Origin": "null"}])
async def test_a_foreign_origin_is_403(edge: EdgeRig, header: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://{edge.address}/ws/a", additional_headers=header):
            pass
    assert refused.value.response.status_code == 403


async def test_a_loopback_origin_of_any_port_may_come(edge: EdgeRig) -> None:
    header = {"Origin": "http://localhost:3000"}
    async with connect(f"ws://{edge.address}/ws/a", additional_headers=header) as socket:
        assert json.loads(await socket.recv())["type"] == "welcome"


async def test_without_a_core_a_browser_waits_and_is_then_told() -> None:
    async with (
        running_edge("127.0.0.1:1", core_wait_seconds=0.2) as rig,
        connect(f"ws://{rig.address}/ws/a") as socket,
    ):
        closing = json.loads(await socket.recv())
        assert (closing["type"], closing["code"]) == ("closing", "unavailable")
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1013


async def test_two_sessions_of_one_client_do_not_touch_each_other(edge: EdgeRig) -> None:
    async with edge.browser("a") as first:
        await first.follow("room")
        async with edge.browser("a") as second:
            await second.follow("room")
        async with edge.browser("b") as other:
            await other.publish("room", "hello")
        assert (await first.find("message"))["content"] == "hello"


async def test_a_draining_edge_says_closing_1012_with_a_time(core: str) -> None:
    async with running_edge(core) as rig, connect(f"ws://{rig.address}/ws/a") as socket:
        await socket.recv()
        rig.edge.drain()
        async with asyncio.timeout(5):
            closing = json.loads(await socket.recv())
        assert closing["code"] == "draining"
        assert closing["retry_after_seconds"] > 0
        with pytest.raises(ConnectionClosedError) as closed:
            await socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
