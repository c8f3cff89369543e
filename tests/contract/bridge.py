"""Our asynchronous services behind grpcio-testing, which drives synchronous ones only."""

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from typing import Final, Protocol, TypeVar, cast

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from typing_extensions import override

from blackroad.core.door.counts import CallCollector
from blackroad.core.door.guarded import GuardedServer
from blackroad.core.node import Node
from blackroad.core.settings import CoreSettings

T = TypeVar("T")
WAIT_SECONDS: Final = 10.0


class Guarded(Protocol):
    """One rpc as the guard leaves it."""

    unary_unary: Callable[[bytes, "Context"], Awaitable[Message | bytes]]
    stream_stream: Callable[[AsyncIterator[Message], "Context"], Awaitable[None]]
    response_serializer: Callable[[Message | bytes], bytes]
    request_streaming: bool


class SyncContext(Protocol):
    """What grpcio-testing gives to a service."""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]: ...
    def set_code(self, code: grpc.StatusCode) -> None: ...
    def set_details(self, details: str) -> None: ...
    def set_trailing_metadata(self, metadata: tuple[tuple[str, str | bytes], ...]) -> None: ...
    def add_callback(self, callback: Callable[[], object]) -> bool: ...


class Call(Protocol):
    """A call that grpcio-testing has begun; of a unary one only `termination` is used."""

    def send_request(self, request: Message) -> None: ...
    def take_response(self) -> Message: ...
    def termination(self) -> tuple[object, ...]: ...
    def cancel(self) -> None: ...


class Driver(Protocol):
    """grpcio-testing's server, which has no types of its own."""

    def invoke_unary_unary(
        self, method: MethodDescriptor, metadata: tuple[()], request: Message, timeout: float
    ) -> Call: ...
    def invoke_stream_stream(
        self, method: MethodDescriptor, metadata: tuple[()], timeout: float
    ) -> Call: ...


class Catcher(grpc.aio.Server):
    """Keeps the guarded rpcs of services instead of serving them."""

    def __init__(self) -> None:
        self.rpcs: dict[str, Guarded] = {}

    @override
    def add_registered_method_handlers(
        self, service_name: str, method_handlers: Mapping[str, object]
    ) -> None:
        for method, handler in method_handlers.items():
            self.rpcs[f"{service_name}/{method}"] = cast("Guarded", handler)

    @override
    def add_generic_rpc_handlers(self, generic_rpc_handlers: object) -> None: ...

    @override
    def add_insecure_port(self, address: str) -> int:
        raise NotImplementedError

    @override
    def add_secure_port(self, address: str, server_credentials: grpc.ServerCredentials) -> int:
        raise NotImplementedError

    @override
    async def start(self) -> None: ...

    @override
    async def stop(self, grace: float | None) -> None: ...

    @override
    async def wait_for_termination(self, timeout: float | None = None) -> bool:
        return True


class Context:
    """The part of grpc.aio's context that guard and services use, on a synchronous one."""

    def __init__(self, context: SyncContext, write: Callable[[Message | bytes], None]) -> None:
        self._context = context
        self._write = write
        self._code = grpc.StatusCode.OK

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the headers."""
        return tuple(self._context.invocation_metadata())

    def code(self) -> grpc.StatusCode:
        """Return the status so far."""
        return self._code

    async def write(self, response: Message | bytes) -> None:
        """Send a frame."""
        self._write(response)

    async def abort_with_status(self, status: grpc.Status) -> None:
        """End the call."""
        self._code = status.code
        self._context.set_code(status.code)
        self._context.set_details(status.details or "")
        self._context.set_trailing_metadata(tuple(status.trailing_metadata or ()))
        raise grpc.aio.AbortError


class Bridge:
    """A node on a loop in a thread of its own, and synchronous services in front of it."""

    def __init__(self, add_services: Callable[[Node, GuardedServer], None]) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._catcher = Catcher()
        self._stop = asyncio.Event()
        started: Future[None] = Future()
        self._thread.start()
        self._serving = asyncio.run_coroutine_threadsafe(
            self._serve(add_services, started), self._loop
        )
        wait((started, self._serving), WAIT_SECONDS, FIRST_COMPLETED)
        if not started.done():
            self.close()  # raises what the services have raised
            raise AssertionError("the node has not started")

    async def _serve(
        self, add_services: Callable[[Node, GuardedServer], None], started: "Future[None]"
    ) -> None:
        async with Node.create(CoreSettings(grpc="127.0.0.1:1")) as node:
            add_services(node, GuardedServer(self._catcher, node.peers.caller, CallCollector()))
            started.set_result(None)
            await self._stop.wait()

    def close(self) -> None:
        """End the node and its thread; raise what the node ended with."""
        self._loop.call_soon_threadsafe(self._stop.set)
        try:
            self._serving.result(WAIT_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(WAIT_SECONDS)
            self._loop.close()

    @property
    def rpcs(self) -> Mapping[str, Guarded]:
        """Every rpc that a service implements, as `<service>/<method>`."""
        return self._catcher.rpcs

    def run(self, coroutine: Coroutine[object, object, T]) -> T:
        """Run a coroutine on the loop; return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(WAIT_SECONDS)

    def unary(
        self, rpc: Guarded, answer: type[Message]
    ) -> Callable[[Message, SyncContext], Message]:
        """Return a unary rpc as grpcio-testing calls it."""

        def call(request: Message, context: SyncContext) -> Message:
            async def serve() -> Message | bytes:
                raw = request.SerializeToString()
                return await rpc.unary_unary(raw, Context(context, lambda _: None))

            with suppress(grpc.aio.AbortError):
                return answer.FromString(rpc.response_serializer(self.run(serve())))
            return answer()

        return call

    def stream(
        self, rpc: Guarded, answer: type[Message]
    ) -> Callable[[Iterator[Message], SyncContext], Iterator[Message]]:
        """Return a bidirectional rpc as grpcio-testing calls it."""

        def call(requests: Iterator[Message], context: SyncContext) -> Iterator[Message]:
            written: queue.Queue[bytes | None] = queue.Queue()

            async def incoming() -> AsyncIterator[Message]:
                end = object()
                while (one := await asyncio.to_thread(_next, requests, end)) is not end:
                    yield cast("Message", one)

            async def serve() -> None:
                def write(frame: Message | bytes) -> None:
                    written.put(rpc.response_serializer(frame))

                try:
                    await rpc.stream_stream(incoming(), Context(context, write))
                except grpc.aio.AbortError:
                    pass  # the context has the status
                finally:
                    written.put(None)

            serving = asyncio.run_coroutine_threadsafe(serve(), self._loop)
            context.add_callback(serving.cancel)
            while (frame := written.get(timeout=WAIT_SECONDS)) is not None:
                yield answer.FromString(frame)

        return call


def _next(requests: Iterator[Message], end: object) -> object:
    try:
        return next(requests, end)
    except grpc.RpcError:  # the caller has cancelled
        return end
