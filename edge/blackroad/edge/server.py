"""The edge as a process: listens, keeps its trunk, drains, ends."""

import asyncio
import logging
import os
import random
import signal
import socket
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Final

import uvicorn
import uvloop
from typing_extensions import override

from blackroad.edge.app import make_app
from blackroad.edge.chat.peer import ChatPeer
from blackroad.edge.chat.viewer import Viewer
from blackroad.edge.context import Context
from blackroad.edge.errors import Refusal
from blackroad.edge.fanout import Fanout
from blackroad.edge.fanout.budget import Budget
from blackroad.edge.limits.addresses import Addresses, AddressLimits
from blackroad.edge.rendering import render
from blackroad.edge.settings import Address, EdgeLimits, EdgeSettings
from blackroad.edge.sse.listener import Listener
from blackroad.edge.tls import BrowserTls, core_credentials
from blackroad.edge.transport import Limits, Socket, SseStream, Transport
from blackroad.edge.trunk import Trunk, TrunkOptions
from blackroad.edge.websocket.peer import Peer

_logger = logging.getLogger(__name__)
Ready = Callable[[str], None]
SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# Within the grace of presence: who comes back then never showed as gone.
RETRY_SECONDS: Final = (0.5, 4.0)
LAST_SECONDS: Final = 5
DATE_SECONDS: Final = 1.0
FIRST_LINK_SECONDS: Final = 1.0
BACKLOG: Final = 4096
UNSENT_BYTES: Final = 16 * 1024
"""What the kernel keeps for who does not read; else it is megabytes that no budget knows of."""
LOOK_SECONDS: Final = 0.1
# Of the time for a drain: what answers may take to end.
ANSWERS_SHARE: Final = 0.5


class Server(uvicorn.Server):
    """uvicorn's server without its signal handlers: the edge has its own drain."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._ending = asyncio.Event()

    def end(self) -> None:
        """Let `serve` end. Idempotent."""
        self.should_exit = True
        self._ending.set()

    @override
    async def main_loop(self) -> None:
        """Renew the date of responses each second until the end, which uvicorn would look for."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(DATE_SECONDS):
                    await self._ending.wait()

    @override
    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals alone."""
        yield

    def close(self) -> None:
        """Take no more connections: what uvicorn leaves undone where it is cancelled. Idempotent.

        Else the loop goes on watching a socket that is closed, and whoever gets its number next.
        """
        for listening in getattr(self, "servers", ()):
            listening.close()


class Edge:
    """One edge: `serve` until `drain` has been called and has ended."""

    def __init__(self, settings: EdgeSettings) -> None:
        self.settings = settings
        self._draining = asyncio.Event()
        transport = Transport(_limits(settings))
        limits = settings.limits
        budget = Budget(limits.max_queued_bytes, limits.max_backlog_bytes)
        fanout = Fanout(render, budget)
        addresses = Addresses(_address_limits(limits), settings.trusted_proxies)
        transport.admission = addresses
        options = TrunkOptions(
            addresses=settings.core_targets,
            token=settings.token,
            public=not settings.http.loopback,
            wait_seconds=settings.limits.core_wait_seconds,
            request_seconds=settings.limits.request_seconds,
            credentials=partial(core_credentials, settings.tls) if settings.core_tls else None,
            server_name=settings.tls.server_name,
        )
        self._tls = BrowserTls(settings.tls) if settings.tls.cert else None
        self.context = Context(settings, transport, fanout, Trunk(options, fanout), addresses)

    async def serve(self, ready: Ready) -> None:
        """Listen, call `ready` with the address, and serve until drained.

        `ready` comes when a core is connected, or has been waited for: it may come much later.
        Raises OSError where the address cannot be had, `PublicDevelopmentError` where it would be
        unsafe.
        """
        server = Server(self._config())
        with _listen(self.settings.http) as listener, closing(server):
            async with asyncio.TaskGroup() as tasks:
                trunk = tasks.create_task(self.context.trunk.run())
                watching = tasks.create_task(self._tls.watch()) if self._tls else None
                self.context.transport.start()
                serving = tasks.create_task(server.serve(sockets=[listener]))
                host, port = listener.getsockname()[:2]
                await self.context.trunk.wait_up(FIRST_LINK_SECONDS)
                ready(str(Address(host=str(host), port=int(port))))
                await self._draining.wait()
                await self._drain()
                server.end()
                await serving
                trunk.cancel()
                if watching is not None:
                    watching.cancel()
        self.context.transport.close()

    def _config(self) -> uvicorn.Config:
        context = self._tls.context if self._tls is not None else None
        return uvicorn.Config(
            make_app(self.context),
            http=self.context.transport.http_protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=LAST_SECONDS,
            ssl_context_factory=(lambda _, __: context) if context is not None else None,
        )

    def drain(self) -> None:
        """Begin to end. Idempotent."""
        self._draining.set()

    async def _drain(self) -> None:
        # 1. Not ready, and nobody and nothing new. 2. Everybody is told, in batches; who waits for
        # an answer, when it has ended, or when half of the time is over.
        context, seconds = self.context, self.settings.limits.drain_seconds
        context.draining = context.trunk.draining = True
        _logger.info("draining %d sessions", len(context.trunk.sessions))
        loop = asyncio.get_running_loop()
        give_up_at = loop.time() + seconds * ANSWERS_SHARE

        def spared(outlet: Socket | SseStream) -> bool:
            return loop.time() < give_up_at and _viewing(outlet)

        await context.transport.drain(self._farewell, seconds, spared)
        while loop.time() < give_up_at and context.trunk.viewing:  # a response that has not begun
            await asyncio.sleep(LOOK_SECONDS)
            await context.transport.drain(self._farewell, 0.0, spared)
        # 3. A response that is sent when its answer has ended.
        for session in list(context.trunk.sessions.values()):
            session.end(Refusal("draining"))

    def _farewell(self, outlet: Socket | SseStream) -> None:
        handler = outlet.handler
        after = random.uniform(*RETRY_SECONDS)  # noqa: S311 - it spreads
        if isinstance(handler, Peer | ChatPeer | Listener | Viewer):
            self.context.trunk.settle()
            self.context.fanout.flush()
            handler.on_ended(Refusal("draining", retry_after_seconds=round(after, 3)))


def _viewing(outlet: Socket | SseStream) -> bool:
    handler = outlet.handler
    return isinstance(handler, Peer | ChatPeer | Listener | Viewer) and handler.viewing


async def serve(settings: EdgeSettings, ready: Ready) -> None:
    """Serve until SIGTERM or SIGINT has drained it; a second signal ends the process at once."""
    edge = Edge(settings)
    loop = asyncio.get_running_loop()
    count = 0

    def on_signal() -> None:
        nonlocal count
        count += 1
        if count > 1:
            os._exit(1)
        edge.drain()

    for number in SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        await edge.serve(ready)
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


def run(settings: EdgeSettings, ready: Ready) -> None:
    """Serve on a loop of its own, with uvloop."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, ready))


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    listener = socket.create_server(
        (address.host, address.port), family=family, backlog=BACKLOG, reuse_port=False
    )
    # uvloop does that for all that it accepts, asyncio only for a listener of its own making.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # what is accepted inherits it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return listener


def _limits(settings: EdgeSettings) -> Limits:
    limits = settings.limits
    return Limits(
        head_seconds=limits.handshake_seconds,
        body_bytes=limits.max_frame_bytes,
        handshake_seconds=limits.handshake_seconds,
        message_bytes=limits.max_frame_bytes,
        ping_seconds=round(limits.ping_interval_seconds),
        pong_seconds=round(limits.pong_timeout_seconds),
        comment_seconds=round(limits.sse_comment_seconds),
        write_seconds=limits.write_timeout_seconds,
        stall_seconds=limits.stall_seconds,
        messages_per_second=limits.max_messages_per_second,
        bytes_per_second=limits.max_bytes_per_second,
        compress=settings.compression,
    )


def _address_limits(limits: EdgeLimits) -> AddressLimits:
    return AddressLimits(
        limits.max_connections_per_address,
        limits.new_connections_per_second,
        limits.limit_loopback,
    )
