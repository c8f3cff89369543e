"""A real gRPC server whose streams follow a script: for what no core does on demand."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar

import grpc
from google.protobuf.message import Message

from blackroad.realtime.v1 import channel_pb2, common_pb2, stream_pb2

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
Context = grpc.aio.ServicerContext[Request, Response]

WELCOME: Final = common_pb2.Welcome(session_id="se_1", node="script")

# What the scripts of the running server found wrong; raised when it stops.
failures: list[AssertionError] = []


class Wire(Generic[Request, Response]):
    """One stream as the script sees it: frames one by one, batches opened."""

    def __init__(
        self,
        requests: AsyncIterator[Request],
        context: "Context[Request, Response]",
        frames: Callable[[Request], list[Request]],
    ) -> None:
        self._requests = requests
        self._frames = frames
        self._early: list[Request] = []
        self._context = context
        self.batches: list[int] = []

    async def read(self) -> Request:
        """Return the next frame; raises StopAsyncIteration where the call is over."""
        while not self._early:
            self._early = self._frames(await anext(self._requests))
            self.batches.append(len(self._early))
        return self._early.pop(0)

    async def write(self, *frames: Response) -> None:
        """Write frames, one by one."""
        for frame in frames:
            await self._context.write(frame)

    async def cut(self, status: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE) -> None:
        """End the stream with a status."""
        await self._context.abort(status, "cut by the script")


OpenWire = Wire[stream_pb2.OpenRequest, stream_pb2.OpenResponse]
ServeWire = Wire[stream_pb2.ServeRequest, stream_pb2.ServeResponse]
ConnectWire = Wire[channel_pb2.ConnectRequest, channel_pb2.ConnectResponse]

Opens = list[Callable[[OpenWire], Awaitable[None]]]
Serves = list[Callable[[ServeWire], Awaitable[None]]]
Connects = list[Callable[[ConnectWire], Awaitable[None]]]


@asynccontextmanager
async def scripted(
    *, opens: Opens | None = None, serves: Serves | None = None, connects: Connects | None = None
) -> AsyncGenerator[str]:
    """Serve on a free port; each new stream follows the next of its scripts, after a Welcome.

    A stream for which no script is left is refused as unavailable.
    """
    server = grpc.aio.server()
    failures.clear()
    server.add_generic_rpc_handlers(
        (
            _service("StreamService", "Open", _open(opens or [])),
            _service("StreamService", "Serve", _serve(serves or [])),
            _service("ChannelService", "Connect", _connect(connects or [])),
        )
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        await server.stop(0)
        if failures:
            raise failures.pop()


async def _follow(
    scripts: list[Callable[[Wire[Request, Response]], Awaitable[None]]],
    wire: Wire[Request, Response],
    welcome: Response,
) -> None:
    await wire.read()
    if not scripts:
        await wire.cut()
    await wire.write(welcome)
    try:
        await scripts.pop(0)(wire)
    except AssertionError as failure:
        failures.append(failure)
        raise


def _open(
    scripts: Opens,
) -> "grpc.RpcMethodHandler[stream_pb2.OpenRequest, stream_pb2.OpenResponse]":
    async def call(
        requests: AsyncIterator[stream_pb2.OpenRequest],
        context: Context[stream_pb2.OpenRequest, stream_pb2.OpenResponse],
    ) -> None:
        wire = Wire(requests, context, lambda one: list(one.batch.frames) or [one])
        await _follow(scripts, wire, stream_pb2.OpenResponse(welcome=WELCOME))

    return _handler(call, stream_pb2.OpenRequest.FromString)


def _serve(
    scripts: Serves,
) -> "grpc.RpcMethodHandler[stream_pb2.ServeRequest, stream_pb2.ServeResponse]":
    async def call(
        requests: AsyncIterator[stream_pb2.ServeRequest],
        context: Context[stream_pb2.ServeRequest, stream_pb2.ServeResponse],
    ) -> None:
        wire = Wire(requests, context, lambda one: list(one.batch.frames) or [one])
        await _follow(scripts, wire, stream_pb2.ServeResponse(welcome=WELCOME))

    return _handler(call, stream_pb2.ServeRequest.FromString)


def _connect(
    scripts: Connects,
) -> "grpc.RpcMethodHandler[channel_pb2.ConnectRequest, channel_pb2.ConnectResponse]":
    async def call(
        requests: AsyncIterator[channel_pb2.ConnectRequest],
        context: Context[channel_pb2.ConnectRequest, channel_pb2.ConnectResponse],
    ) -> None:
        wire = Wire(requests, context, lambda one: list(one.batch.frames) or [one])
        await _follow(scripts, wire, channel_pb2.ConnectResponse(welcome=WELCOME))

    return _handler(call, channel_pb2.ConnectRequest.FromString)


def _handler(
    call: Callable[[AsyncIterator[Request], Context[Request, Response]], Awaitable[None]],
    parse: Callable[[bytes], Request],
) -> "grpc.RpcMethodHandler[Request, Response]":
    # The stubs know handlers of sync servers only.
    return grpc.stream_stream_rpc_method_handler(
        call,  # pyright: ignore[reportArgumentType]
        request_deserializer=parse,
        response_serializer=_serialize,
    )


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _service(
    name: str, rpc: str, handler: "grpc.RpcMethodHandler[Request, Response]"
) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(f"blackroad.realtime.v1.{name}", {rpc: handler})
