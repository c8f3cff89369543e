"""A provider's server that says exactly what it is told to, and notes what it hears and when."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

from blackroad.client import JSONValue

SECONDS: Final = 10.0


@dataclass(frozen=True)
class Reply:
    """What is said to one request: the pieces of a body, after the pause before each.

    `ending` is `clean`, `cut` (the connection is lost), or `hang` (nothing more ever comes).
    """

    pieces: Sequence[bytes] = ()
    status: int = 200
    content_type: str = "application/x-ndjson"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    pause_seconds: float = 0.0
    ending: str = "clean"

    @classmethod
    def json(cls, value: JSONValue, status: int = 200, **headers: str) -> Self:
        """Return a reply of one JSON value."""
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        return cls([json.dumps(value).encode()], status, "application/json", named)

    @classmethod
    def lines(cls, *values: JSONValue, ending: str = "clean", pause_seconds: float = 0.0) -> Self:
        """Return a reply of JSON lines, as Ollama streams."""
        pieces = [json.dumps(value).encode() + b"\n" for value in values]
        return cls(pieces, ending=ending, pause_seconds=pause_seconds)

    @classmethod
    def events(
        cls, *events: dict[str, JSONValue], ending: str = "clean", pause_seconds: float = 0.0
    ) -> Self:
        """Return a reply of server-sent events, as Anthropic streams."""
        pieces = [
            f"event: {each['type']}\ndata: {json.dumps(each)}\n\n".encode() for each in events
        ]
        kind = "text/event-stream"
        return cls(pieces, content_type=kind, ending=ending, pause_seconds=pause_seconds)


@dataclass(frozen=True)
class Heard:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: Mapping[str, JSONValue]


class Peer:
    """Serves on a free port of loopback; the last reply is given to all requests that follow."""

    def __init__(self, *replies: Reply) -> None:
        self._replies = list(replies)
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Condition()
        self.heard: list[Heard] = []
        self.hung_up: list[float] = []

    @property
    def address(self) -> str:
        """Where it is, `host:port`."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._served, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()

    async def wait_for_request(self, count: int = 1) -> None:
        """Wait until so many requests have been heard."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.heard) >= count)

    async def wait_for_hang_up(self) -> float:
        """Wait until a client has closed its connection; return when, by the loop's clock."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(lambda: bool(self.hung_up))
        return self.hung_up[0]

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heard = await _request(reader)
            async with self._changed:
                self.heard.append(heard)
                self._changed.notify_all()
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
            await self._say(reply, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # a probe, or a client that goes
        finally:
            writer.close()

    async def _say(
        self, reply: Reply, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        gone = asyncio.create_task(reader.read())
        saying = asyncio.create_task(_write(reply, writer))
        try:
            await asyncio.wait({gone, saying}, return_when=asyncio.FIRST_COMPLETED)
            if reply.ending == "hang" and saying.done():
                await asyncio.wait({gone})
            if gone.done() and (reply.ending == "hang" or not saying.done()):
                async with self._changed:
                    self.hung_up.append(asyncio.get_running_loop().time())
                    self._changed.notify_all()
        finally:
            for task in (gone, saying):
                task.cancel()
            await asyncio.gather(gone, saying, return_exceptions=True)


async def _write(reply: Reply, writer: asyncio.StreamWriter) -> None:
    head = {
        "content-type": reply.content_type,
        "connection": "close",
        "transfer-encoding": "chunked",
        **reply.headers,
    }
    lines = [f"HTTP/1.1 {reply.status} X", *(f"{name}: {text}" for name, text in head.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    for piece in reply.pieces:
        await asyncio.sleep(reply.pause_seconds)
        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await writer.drain()
    if reply.ending == "clean":
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _request(reader: asyncio.StreamReader) -> Heard:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    pairs = (line.partition(": ") for line in head[1:] if line)
    headers = {name.lower(): text for name, _, text in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Heard(head[0].split()[1], headers, json.loads(body) if body else {})
