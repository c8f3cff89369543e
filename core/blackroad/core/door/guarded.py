"""The gRPC server with a guard before each of its rpcs."""

from collections.abc import Mapping
from typing import cast

import grpc

from blackroad.core.door.calls import Calls
from blackroad.core.door.counts import CallCollector, Counts
from blackroad.core.door.guard import Charge, Guard, Handler, Identify


class GuardedServer(grpc.aio.Server):
    """A gRPC server that stands guard before every rpc that is added to it."""

    def __init__(
        self,
        server: grpc.aio.Server,
        identify: Identify,
        collector: CallCollector,
        open_services: frozenset[str] = frozenset(),
        charge: Charge = lambda identity, method: None,
        to_the_end: frozenset[str] = frozenset(),
    ) -> None:
        self.calls = Calls()
        self._to_the_end = open_services | to_the_end
        self._charge = charge
        self._server = server
        self._identify = identify
        self.collector = collector
        self._open = open_services

    def add_generic_rpc_handlers(self, generic_rpc_handlers: object) -> None:
        """Ignore what generated code adds a second time by `add_registered_method_handlers`."""

    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, object]
    ) -> None:
        """Add the rpcs of a service, guarded."""
        # Who watches, or operates, may do so to the end, and a drain does not wait for it.
        open_to_all = service_name in self._open
        identify = None if open_to_all else self._identify
        calls = Calls() if service_name in self._to_the_end else self.calls
        guarded = {
            method: Guard(
                (rpc := cast("Handler", handler)),
                self.collector.add(Counts(_kind(rpc), service_name, method)),
                calls,
                identify,
                self._charge,
            ).guarded()
            for method, handler in method_handlers.items()
        }
        self._server.add_registered_method_handlers(service_name, guarded)

    def add_insecure_port(self, address: str) -> int:
        """Listen, and return the port."""
        return self._server.add_insecure_port(address)

    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        """Listen with TLS, and return the port."""
        return self._server.add_secure_port(address, server_credentials)

    async def start(self) -> None:
        """Take calls."""
        await self._server.start()

    async def stop(self, grace: float | None) -> None:
        """Take no more calls, and end those in progress after `grace` seconds."""
        await self._server.stop(grace)

    async def wait_for_termination(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 (the base class says so)
        """Return when it has stopped."""
        return await self._server.wait_for_termination(timeout)


def _kind(handler: Handler) -> str:
    if not handler.response_streaming:
        return "unary"
    return "bidi_stream" if handler.request_streaming else "server_stream"
