"""A stand-in for Ollama: says numbered, stamped tokens at the pace that the prompt asks for."""

import asyncio
import json
import time
from typing import Final, cast

from typing_extensions import override

from benchmarks.harness.remote import Pipe, obey, run

MODEL: Final = "bench"
HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
)
LISTED: Final = json.dumps({"models": [{"model": MODEL, "name": MODEL}]}).encode()
STAMP: Final = '"created_at":"2026-01-01T00:00:00.000000Z"'
LAST: Final = (
    f'{{"model":"{MODEL}",{STAMP},"message":{{"role":"assistant","content":""}},"response":"",'
    '"done":true,"done_reason":"stop","prompt_eval_count":3,"eval_count":%d}\n'
)


def prompt_of(tokens: int, pace_seconds: float) -> str:
    """Return the prompt that asks for so many tokens, one each so many seconds."""
    return f"tokens={tokens} pace={pace_seconds}"


def token(number: int) -> str:
    """Return the token with this number, said now."""
    return f"{number}@{time.monotonic_ns()} "


class _Connection(asyncio.Protocol):
    """Takes one request after the other, as Ollama takes them: `chat`, `generate` and the list."""

    def __init__(self) -> None:
        self._data = b""
        self._transport: asyncio.Transport | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    @override
    def data_received(self, data: bytes) -> None:
        self._data += data
        head, found, body = self._data.partition(b"\r\n\r\n")
        length = _length(head) if found else 0
        if found and len(body) >= length:
            self._data = body[length:]
            self._answer(head.split(b" ", 2)[1], body[:length])

    def _answer(self, path: bytes, body: bytes) -> None:
        if path in {b"/api/chat", b"/api/generate"}:
            asked = json.loads(body)
            prompt = asked["prompt"] if "prompt" in asked else asked["messages"][-1]["content"]
            tokens, pace = (part.partition("=")[2] for part in prompt.split())
            self._write(HEAD)
            self._say(1, int(tokens), float(pace), asyncio.get_running_loop().time(), path)
        else:  # the list, and whatever else a client looks at first
            self._write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n")
            self._write(b"Content-Length: %d\r\n\r\n%s" % (len(LISTED), LISTED))

    def _say(self, number: int, tokens: int, pace: float, due: float, path: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if number > tokens:
            self._write(_chunk(LAST % tokens) + b"0\r\n\r\n")
            return
        text = token(number)
        said = f'"response":"{text}"'
        if path == b"/api/chat":
            said = f'"message":{{"role":"assistant","content":"{text}"}}'
        self._write(_chunk(f'{{"model":"{MODEL}",{STAMP},{said},"done":false}}\n'))
        due += pace
        loop = asyncio.get_running_loop()
        loop.call_at(due, self._say, number + 1, tokens, pace, due, path)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


def _chunk(text: str) -> bytes:
    return b"%x\r\n%s\r\n" % (len(text), text.encode())


def main(pipe: Pipe) -> None:
    """Serve until the pipe ends; any order is answered by the port."""
    run(_serve(pipe))


async def _serve(pipe: Pipe) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=4096)
    async with server:

        async def port(_: int) -> int:
            return int(server.sockets[0].getsockname()[1])

        await obey(pipe, port)
