"""A provider that records: it talks for ever as Ollama and Anthropic do, and notes who hung up."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

from blackroad.client import JSONValue

SECONDS: Final = 30.0
PACE_SECONDS: Final = 0.02
MODEL: Final = "m"
MODELS: Final = (f"ollama/{MODEL}", f"anthropic/{MODEL}")
STOP: Final = "that is all"
"""What the last message of the user ends with where the answer shall have an end of its own."""
WORDS: Final = 60
"""How long such an answer is."""


class Provider:
    """Serves on a free port of loopback.

    `asked` is how many answers were begun, `open` the connections that hear one now, `hung_up` when
    each of the others was closed by its client before its end, by the loop's clock.
    """

    def __init__(self) -> None:
        self._server: asyncio.Server | None = None
        self._changed = asyncio.Condition()
        self.asked = 0
        self.open = 0
        self.hung_up: list[float] = []

    @property
    def address(self) -> str:
        """Where it is, `host:port`."""
        assert self._server is not None
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    @property
    def environ(self) -> dict[str, str]:
        """What tells both SDKs where it is."""
        return {
            "OLLAMA_HOST": self.address,
            "ANTHROPIC_BASE_URL": f"http://{self.address}",
            "ANTHROPIC_API_KEY": "sk-none",
        }

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

    async def wait_for_hang_up(self, count: int) -> float:
        """Wait until clients have closed more connections than this; return when the last was."""
        async with asyncio.timeout(SECONDS), self._changed:
            await self._changed.wait_for(lambda: len(self.hung_up) > count)
        return self.hung_up[-1]

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            path, body = await _request(reader)
            if path in {"/api/generate", "/api/chat", "/v1/messages"}:
                await self._talk(path, STOP.encode() in body, reader, writer)
            else:
                listed = json.dumps({"models": [{"model": MODEL}], "data": []}).encode()
                writer.write(_head("application/json") + _chunk(listed) + b"0\r\n\r\n")
                await writer.drain()
        writer.close()

    async def _talk(
        self, path: str, ends: bool, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.asked += 1
        self.open += 1
        gone = asyncio.create_task(reader.read())
        saying = asyncio.create_task(_say(path, ends, writer))
        try:
            await asyncio.wait({gone, saying}, return_when=asyncio.FIRST_COMPLETED)
            if not saying.done() or saying.exception():
                async with self._changed:
                    self.hung_up.append(asyncio.get_running_loop().time())
                    self._changed.notify_all()
        finally:
            self.open -= 1
            for task in (gone, saying):
                task.cancel()
            await asyncio.gather(gone, saying, return_exceptions=True)


async def _request(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line[15:])
    return head.split(b" ", 2)[1].decode().partition("?")[0], await reader.readexactly(length)


async def _say(path: str, ends: bool, writer: asyncio.StreamWriter) -> None:
    anthropic = path == "/v1/messages"
    pieces = _events() if anthropic else _lines()
    writer.write(_head("text/event-stream" if anthropic else "application/x-ndjson"))
    for number, piece in enumerate(pieces):
        if ends and number == WORDS:
            break
        writer.write(_chunk(piece))
        await writer.drain()
        await asyncio.sleep(PACE_SECONDS)
    last: list[JSONValue] = [{"type": "content_block_stop", "index": 0}, {"type": "message_stop"}]
    delta: JSONValue = {"stop_reason": "end_turn", "stop_sequence": None}
    last.insert(1, {"type": "message_delta", "delta": delta, "usage": {"output_tokens": WORDS}})
    done: JSONValue = {"response": "", "done": True, "done_reason": "stop", "eval_count": WORDS}
    writer.write(_chunk(b"".join(map(_event, last)) if anthropic else _line(done)))
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def _lines() -> Iterator[bytes]:
    while True:
        yield _line({"response": "word ", "done": False})


def _events() -> Iterator[bytes]:
    message: JSONValue = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }
    block: JSONValue = {"type": "text", "text": ""}
    first = _event({"type": "message_start", "message": message})
    first += _event({"type": "content_block_start", "index": 0, "content_block": block})
    said: JSONValue = {"type": "text_delta", "text": "word "}
    delta = _event({"type": "content_block_delta", "index": 0, "delta": said})
    yield first + delta
    while True:
        yield delta


def _line(value: JSONValue) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _event(value: JSONValue) -> bytes:
    assert isinstance(value, dict)
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()


def _head(content_type: str) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nConnection: close\r\n"
    return f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)
