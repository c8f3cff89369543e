"""A viewer that reads slowly gets fewer and larger frames of an answer, and all of its text."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator

import pytest
from websockets.asyncio.client import ClientConnection, connect

from blackroad.client import Call
from tests.conformance.records import text_of
from tests.conformance.websocket_door import FRAMES, Frame, WebSocketDoor
from tests.journeys.serving import fresh, serving
from tests.processes import part

PIECE = "ä漢🙂 a piece of it; " * 64
PIECES = 400
PAUSE_SECONDS = 0.01
BACKLOG = str(64 << 10)


async def speaks(call: Call) -> AsyncGenerator[str]:
    """Say a megabyte in four seconds, in a hundred frames for whoever keeps up."""
    del call
    for number in range(PIECES):
        yield f"{number}:{PIECE}"
        await asyncio.sleep(PAUSE_SECONDS)


SAID = "".join(f"{number}:{PIECE}" for number in range(PIECES))


@pytest.mark.slow
async def test_a_socket_that_stands_still_gets_fewer_frames_and_the_same_text(
    one_loop: None,
) -> None:
    del one_loop
    name = fresh("SPEAKS")
    with part("core", GRPC="127.0.0.1:0") as core:
        grpc = core.addresses["grpc"]
        with part("edge", HTTP="127.0.0.1:0", CORE=grpc, EDGE__MAX_BACKLOG_BYTES=BACKLOG) as edge:
            http = edge.addresses["http"]
            async with (
                serving(grpc, name, speaks),
                WebSocketDoor(http).session("fast") as fast,
                narrow(http) as slow,
            ):
                view = await fast.invoke(name, "say it")
                await slow.send(
                    json.dumps({"type": "subscribe", "room": f"stream.{view.stream_id}"})
                )
                kept_up = await view.rest()  # and only then the other reads
                shown = await read(slow)
    assert text_of(kept_up) == SAID
    text = ""
    for frame in shown:
        text = frame.text if frame.status == "snapshot" else text + frame.delta
    assert text == SAID
    many = len([update for update in kept_up if update.status == "streaming"])
    few = len([frame for frame in shown if frame.status == "streaming"])
    print(f"{many} frames for who kept up, {few} for who did not")
    assert few < 0.8 * many


def narrow(http: str) -> connect:
    """Return a connection for which the kernel keeps little."""
    host, _, port = http.partition(":")
    wire = socket.socket()
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
    wire.connect((host, int(port)))
    wire.setblocking(False)
    return connect(
        f"ws://{http}/ws/slow", sock=wire, compression=None, max_queue=1, ping_interval=None
    )


async def read(slow: ClientConnection) -> list[Frame]:
    """Return the frames of the answer, once its ending has come."""
    shown: list[Frame] = []
    async with asyncio.timeout(20):
        while not shown or shown[-1].status != "finished":
            frame = FRAMES.decode(await slow.recv())
            assert frame.type not in {"gap", "error", "closing"}, frame
            if frame.type == "agent.response":
                shown.append(frame)
    return shown
