"""The fan-out over real connections: one that does not read never delays another."""

import asyncio

import websockets

from blackroad.edge.fanout import Fanout, Receiver
from blackroad.edge.transport import text_frame
from tests.edge.transport.rig import Peer, serve, until


class Owner:
    """Writes down what was lost."""

    def __init__(self) -> None:
        self.lost: list[dict[int, str | None]] = []

    def on_overflow(self, lost: dict[int, str | None], /) -> None:
        self.lost.append(lost)


def render(event: bytes, rendering: str, request_id: str) -> bytes:
    """Return an event as a frame."""
    del rendering, request_id
    return text_frame(event)


def follow(fanout: Fanout[bytes, str], peer: Peer, owner: Owner) -> Receiver[str]:
    """Let a peer's socket follow number 1."""
    receiver = Receiver(fanout, peer.socket, "websocket", owner)
    peer.tell_backlog = receiver.on_backlog
    fanout.join(receiver, 1)
    return receiver


async def test_a_socket_that_stops_reading_overflows_and_a_neighbour_gets_all() -> None:
    fanout: Fanout[bytes, str] = Fanout(render)
    body = b"x" * 10_000
    async with serve() as server, websockets.connect(server.url) as reading:
        stopped = await websockets.connect(server.url, max_queue=1)
        await until(lambda: len(server.peers) == 2)
        owners = [Owner(), Owner()]
        receivers = [
            follow(fanout, peer, owner) for peer, owner in zip(server.peers, owners, strict=True)
        ]
        loop = asyncio.get_running_loop()
        slowest = 0.0
        for number in range(2000):
            begun = loop.time()
            fanout.publish(b"%04d" % number + body, [1], str(number), len(body))
            assert (await asyncio.wait_for(reading.recv(decode=False), 5))[:4] == b"%04d" % number
            slowest = max(slowest, loop.time() - begun)
        assert slowest < 1
        assert receivers[1].queued_bytes == 0
        assert owners[1].lost == []  # it is told when there is room again
        got = [int((await stopped.recv(decode=False))[:4])]
        while not owners[1].lost:
            got.append(int((await asyncio.wait_for(stopped.recv(decode=False), 5))[:4]))
        (lost,) = owners[1].lost
        assert owners[0].lost == []
        while got[-1] < int(lost[1] or -1):
            got.append(int((await asyncio.wait_for(stopped.recv(decode=False), 5))[:4]))
        assert got == list(range(int(lost[1] or -1) + 1))
        await stopped.close()
