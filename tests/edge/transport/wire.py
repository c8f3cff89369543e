"""A connection without a library: frames and handshakes as bytes."""

import asyncio
import struct

import websockets

from tests.edge.transport.rig import Server

KEY = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

UPGRADE = (
    b"GET /ws HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: keep-alive, Upgrade\r\n"
    b"sec-websocket-version: 13\r\n"
)


def masked(first: int, payload: bytes, announced: int | None = None) -> bytes:
    """Return a client's frame; masked with zeros, which changes nothing."""
    size = len(payload) if announced is None else announced
    if size < 126:
        return bytes([first, 0x80 | size]) + bytes(4) + payload
    if size <= 0xFFFF:
        return bytes([first, 0xFE]) + struct.pack("!H", size) + bytes(4) + payload
    return bytes([first, 0xFF]) + struct.pack("!Q", size) + bytes(4) + payload


async def raw(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Shake hands on a plain connection."""
    reader, writer = await server.connect()
    writer.write(UPGRADE + KEY + b"\r\n")
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def healthy(server: Server) -> None:
    """Fail where a neighbour's echo does not come at once."""
    async with asyncio.timeout(3), websockets.connect(server.url) as ws:
        await ws.send("still here")
        assert await ws.recv() == "still here"
