"""The core process: its gRPC server, from the address it takes to the last call it ends."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from importlib.metadata import version
from typing import Final

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR
from prometheus_client.registry import CollectorRegistry

from blackroad.core.access.service import AccessServicer
from blackroad.core.address import split_address
from blackroad.core.admin.service import AdminServicer
from blackroad.core.channel.service import ChannelServicer
from blackroad.core.door.counts import CallCollector
from blackroad.core.door.figures import NodeCollector
from blackroad.core.door.guarded import GuardedServer
from blackroad.core.door.metadata import MetadataLimit
from blackroad.core.door.probes import Probes
from blackroad.core.door.symbols import Symbols
from blackroad.core.door.tls import server_credentials
from blackroad.core.errors import Code, Ending
from blackroad.core.gateway.service import GatewayServicer
from blackroad.core.identity.identity import Identity
from blackroad.core.node import Node
from blackroad.core.presence.service import PresenceServicer
from blackroad.core.settings import MIB, CoreSettings
from blackroad.core.stream.service import StreamServicer
from blackroad.realtime.v1 import (
    access_pb2_grpc,
    admin_pb2_grpc,
    channel_pb2_grpc,
    gateway_pb2_grpc,
    presence_pb2_grpc,
    stream_pb2_grpc,
)

LOG = structlog.get_logger(__name__)

MAX_MESSAGE_BYTES: Final = 6 * MIB
MAX_STREAMS: Final = 100  # of one connection
MAX_METADATA_BYTES: Final = 16 * 1024
STOP_SECONDS: Final = 0.5  # for calls that did not end when they were told to

OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    # Otherwise a second server on the same port silently takes connections from the first.
    ("grpc.so_reuseport", 0),
    ("grpc.max_concurrent_streams", MAX_STREAMS),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", -1),
    # The same for both: between the two gRPC would refuse some calls and not others.
    ("grpc.max_metadata_size", MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", MAX_METADATA_BYTES),
    # Who has not acknowledged our settings is not held to these limits (see `MetadataLimit`).
    ("grpc.http2.settings_timeout", 10_000),
    # A connection without calls is closed; an old one takes no new calls, but keeps its streams.
    ("grpc.max_connection_idle_ms", 300_000),
    ("grpc.max_connection_age_ms", 3_600_000),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    # Decides when a peer that does not answer is lost; grpc.keepalive_timeout_ms is ignored.
    ("grpc.http2.ping_timeout_ms", 10_000),
    # Below the interval of our own clients.
    ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
    ("grpc.enable_channelz", 0),
)
SERVICES: Final = tuple(
    f"blackroad.realtime.v1.{name}Service"
    for name in ("Access", "Admin", "Channel", "Gateway", "Presence", "Stream")
)
COUNTED_ELSEWHERE: Final = frozenset({"blackroad.realtime.v1.ChannelService/Publish"})
OPEN_SERVICES: Final = frozenset({health.SERVICE_NAME, reflection.SERVICE_NAME})
# Whoever operates a node sees it also while it drains.
OPERATORS: Final = frozenset({"blackroad.realtime.v1.AdminService"})

Addresses = Mapping[str, str]


class AddressTakenError(Exception):
    """The server cannot listen where it should."""


class CoreServer:
    """Serves one node. Forward only: bind, open, drain, close; each idempotent."""

    def __init__(self, settings: CoreSettings) -> None:
        self.ready = False
        self._settings = settings
        self._collector = CallCollector()
        limit = MetadataLimit(MAX_METADATA_BYTES)
        self._server = grpc.aio.server(interceptors=(limit,), options=OPTIONS)
        self._health = health.aio.HealthServicer()
        self.address = _bound(self._server, settings.grpc, server_credentials(settings.tls))
        # The node's name has the port in it, so the port comes first.
        self.node = Node.create(settings.model_copy(update={"grpc": self.address}))
        self._guarded = GuardedServer(
            self._server,
            self.node.peers.caller,
            self._collector,
            OPEN_SERVICES,
            self._charge,
            OPERATORS,
        )

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Addresses]:
        """Serve while the context lasts, then drain and close; give the addresses by name."""
        async with AsyncExitStack() as stack:
            addresses = {"grpc": self.address}
            if self._settings.metrics is not None:
                # They tell of a core that waits for its engine.
                probes = Probes(self._registry(), lambda: self.ready and self.node.log.healthy)
                listening = probes.open(*split_address(self._settings.metrics))
                addresses["metrics"] = await stack.enter_async_context(listening)
            await stack.enter_async_context(self.node)
            self._add_services()
            await self._server.start()
            stack.push_async_callback(self._stop)
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            telling = tasks.create_task(self._tell_health())
            stack.callback(telling.cancel)
            await self._set_health()
            self.ready = True
            yield addresses
            await self.drain()

    async def drain(self) -> None:
        """Tell everyone to go, and wait for those who do, within the time of the settings."""
        # 1. Who asks hears that this node is going.
        self.ready = False
        await self._health.enter_graceful_shutdown()
        # 2. Nobody new comes in.
        self._guarded.calls.refusal = Ending(Code.DRAINING)
        try:
            async with asyncio.timeout(self._settings.drain_seconds):
                # 3. Every session is told, 4. and leaves.
                await self.node.drain(self._settings.drain_seconds)
                await self._guarded.calls.none()
        except TimeoutError:
            LOG.warning("drain.incomplete", calls=self._guarded.calls.active)

    async def _tell_health(self) -> None:
        """Say that this core does not serve while the log's engine is away, until cancelled."""
        changed = asyncio.Event()
        self.node.engine_listeners.append(changed.set)
        while True:
            await changed.wait()
            changed.clear()
            await self._set_health()

    async def _set_health(self) -> None:
        well = self.node.log.healthy
        status = health_pb2.HealthCheckResponse
        for name in (health.OVERALL_HEALTH, *SERVICES):
            await self._health.set(name, status.SERVING if well else status.NOT_SERVING)

    def _charge(self, identity: Identity, method: str) -> None:
        if method not in COUNTED_ELSEWHERE:
            self.node.rates.charge_command(identity)

    async def _stop(self) -> None:
        self.ready = False
        # Whoever watches health or reflects would be waited for: they have been told.
        await self._server.stop(STOP_SECONDS)

    def _add_services(self) -> None:
        node, server = self.node, self._guarded
        access_pb2_grpc.add_AccessServiceServicer_to_server(AccessServicer(node), server)
        admin_pb2_grpc.add_AdminServiceServicer_to_server(AdminServicer(node), server)
        channel_pb2_grpc.add_ChannelServiceServicer_to_server(ChannelServicer(node), server)
        gateway_pb2_grpc.add_GatewayServiceServicer_to_server(GatewayServicer(node), server)
        presence_pb2_grpc.add_PresenceServiceServicer_to_server(PresenceServicer(node), server)
        stream_pb2_grpc.add_StreamServiceServicer_to_server(StreamServicer(node), server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        if self._reflects:
            names = (*SERVICES, *sorted(OPEN_SERVICES))
            reflection.enable_server_reflection(names, server, Symbols.pool())

    @property
    def _reflects(self) -> bool:
        wanted = self._settings.reflection
        if wanted is None:
            return self._settings.auth.development and self._settings.tls.cert is None
        return wanted

    def _registry(self) -> CollectorRegistry:
        registry, node = CollectorRegistry(), self.node
        figures = NodeCollector(
            node.admin.node, lambda: len(node.fleet.others), lambda: node.budget.total
        )
        collectors = (figures, self._collector, GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR)
        for collector in collectors:
            registry.register(collector)
        return registry


async def serve(
    settings: CoreSettings, ready: Callable[[Addresses], None], stop: asyncio.Event
) -> None:
    """Serve until `stop` is set, then drain; call `ready` with the addresses once it serves.

    Raises `AddressTakenError`.
    """
    server = CoreServer(settings)
    async with AsyncExitStack() as stack:
        # A core waits for its engine, and may be told to stop meanwhile.
        async with _until(stop) as stopped:
            addresses = await stack.enter_async_context(server.open())
        if stopped.expired():
            return
        LOG.info(
            "core.ready",
            node=server.node.name,
            version=version("blackroad-realtime"),
            development=settings.auth.development,
            **addresses,
        )
        if settings.auth.development:
            LOG.warning(
                "core.development",
                text="there are no keys: everybody on this machine has every right;"
                " set auth.secret before anybody else can connect",
            )
        ready(addresses)
        await stop.wait()
        LOG.info("core.draining", sessions=len(server.node.sessions))
    LOG.info("core.closed")


@asynccontextmanager
async def _until(stop: asyncio.Event) -> AsyncGenerator[asyncio.Timeout]:
    """Run the block until it ends or `stop` is set: the timeout that it gives has then expired."""

    async def watch(patience: asyncio.Timeout) -> None:
        await stop.wait()
        patience.reschedule(asyncio.get_running_loop().time())

    with suppress(TimeoutError):
        async with asyncio.timeout(None) as patience:
            watching = asyncio.create_task(watch(patience))
            try:
                yield patience
            finally:
                watching.cancel()


def _bound(
    server: grpc.aio.Server, address: str, credentials: grpc.ServerCredentials | None
) -> str:
    """Listen, and return the address with the port that was chosen."""
    try:
        if credentials is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, credentials)
    except RuntimeError:
        raise AddressTakenError(f"cannot listen on {address}: it is taken or not ours") from None
    return address if address.startswith("unix:") else f"{split_address(address)[0]}:{port}"
