"""A small HTTP server for those who watch a process: metrics, and whether it lives and is ready."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest

MAX_HEAD_BYTES: Final = 8 * 1024
RECEIPT_SECONDS: Final = 5.0
TEXT: Final = "text/plain; version=0.0.4; charset=utf-8"


class Probes:
    """Answers `GET` and `HEAD` of /healthz, /readyz and /metrics, one request a connection."""

    def __init__(self, registry: CollectorRegistry, ready: Callable[[], bool]) -> None:
        self._registry = registry
        self._ready = ready

    @asynccontextmanager
    async def open(self, host: str, port: int) -> AsyncGenerator[str]:
        """Listen while the context lasts; give the address."""
        server = await asyncio.start_server(
            self._serve, host.strip("[]"), port, limit=MAX_HEAD_BYTES
        )
        async with server:
            yield f"{host}:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(RECEIPT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # a probe that does not ask properly, or went, gets no answer
        finally:
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.partition(b" ")
        path = rest.partition(b" ")[0].partition(b"?")[0]
        if method not in (b"GET", b"HEAD"):
            return _response("405 Method Not Allowed", b"GET or HEAD\n")
        answer = self._page(path)
        return answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if method == b"HEAD" else answer

    def _page(self, path: bytes) -> bytes:
        match path:
            case b"/healthz":
                return _response("200 OK", b"ok\n")
            case b"/readyz":
                ready = self._ready()
                return (
                    _response("200 OK", b"ready\n")
                    if ready
                    else _response("503 Service Unavailable", b"not ready\n")
                )
            case b"/metrics":
                return _response("200 OK", generate_latest(self._registry))
            case _:
                return _response("404 Not Found", b"/healthz, /readyz or /metrics\n")


def _response(status: str, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {TEXT}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
