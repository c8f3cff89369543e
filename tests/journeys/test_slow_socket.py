"""One slow socket never delays another, and loses nothing that is kept."""

import asyncio
import socket

from websockets.asyncio.client import connect

from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.websocket_door import FRAMES, Frame, WebSocketDoor
from tests.processes import Installation

EVENTS = 200
CONTENT = "x" * 40_000  # 8 MB in all: more than the kernel takes for a socket that is not read
SOON_SECONDS = 1.0


async def test_a_socket_that_does_not_read_delays_nobody_and_catches_up(
    installation: Installation, room: str
) -> None:
    host, _, port = installation.http.partition(":")
    narrow = socket.create_connection((host, int(port)))
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    narrow.setblocking(False)
    async with (
        connect(
            f"ws://{installation.http}/ws/slow",
            sock=narrow,
            compression=None,
            max_queue=1,
            ping_interval=None,
        ) as slow,
        WebSocketDoor(installation.http).session("fast") as fast,
        GrpcDoor(installation.grpc).session() as agent,
    ):
        await slow.send(f'{{"type": "subscribe", "room": "{room}"}}')
        await fast.subscribe(room)
        while FRAMES.decode(await slow.recv()).type != "subscribed":
            pass
        for number in range(EVENTS):
            published = await agent.publish(room, {"number": number, "text": CONTENT})
            async with asyncio.timeout(SOON_SECONDS):
                assert (await fast.inbox.event()).event_id == published.event_id
        offsets: list[int] = []
        while len(offsets) < EVENTS:
            async with asyncio.timeout(10):
                frame: Frame = FRAMES.decode(await slow.recv())
            assert frame.type not in {"gap", "error", "closing"}, frame
            if frame.type == "message":
                offsets.append(frame.offset)
    assert offsets == list(range(offsets[0], offsets[0] + EVENTS))
