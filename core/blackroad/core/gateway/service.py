"""The gRPC door for edges: GatewayService."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack

import grpc

from blackroad.core.door.caller import identify
from blackroad.core.door.duplex import Duplex, Queue
from blackroad.core.door.frames import check_hello, closing, welcome
from blackroad.core.errors import Code, CodedError, Ending, Rejection
from blackroad.core.gateway import trunk as trunks
from blackroad.core.gateway.restore import nearly
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.node import Node
from blackroad.realtime.v1 import gateway_pb2, gateway_pb2_grpc

Request = gateway_pb2.TrunkRequest
BOOKMARK_SECONDS = 25.0
MARK_SECONDS = 1.0  # until LIVE's cursor holds for those who joined and have heard nothing yet
RESTORE_SECONDS = 60.0  # for an edge that comes back to say that all is restored
ATTACH_SECONDS = 10.0  # for a hello, and for LIVE and CATCH_UP to come


class GatewayServicer(gateway_pb2_grpc.GatewayServiceServicer):
    """Serves the three streams of each trunk."""

    def __init__(self, node: Node, attach_seconds: float = ATTACH_SECONDS) -> None:
        self._node = node
        self._attach_seconds = attach_seconds

    async def Trunk(  # type: ignore[override]  # grpc.aio takes a coroutine that writes itself, too
        self,
        request_iterator: AsyncIterator[Request],
        context: "grpc.aio.ServicerContext[Request, bytes]",
    ) -> None:
        """Serve one of a trunk's streams, as its hello says."""
        identity = identify(context)
        if not identity.speaks_for_others and identity.kind is not Kind.GATEWAY:
            raise Ending(Code.FORBIDDEN, "only a gateway may open a trunk")
        hello = await self._hello(request_iterator)
        stream = _Stream(context, request_iterator)
        match hello.role:
            case gateway_pb2.TRUNK_ROLE_CONTROL:
                await self._control(stream, identity, hello.cursor)
            case gateway_pb2.TRUNK_ROLE_LIVE:
                trunk = self._node.trunks.get(hello.trunk_id)
                trunk.attach(hello.role, identity)
                stream.on_written = lambda: trunk.pump.wake(trunk.feed)
                every = self._node.ticker.every
                with every(BOOKMARK_SECONDS, trunk.bookmark), every(MARK_SECONDS, trunk.mark):
                    await self._serve(stream, trunk, identity, trunk.feed.outbox, _refuse)
            case gateway_pb2.TRUNK_ROLE_CATCH_UP:
                trunk = self._node.trunks.get(hello.trunk_id)
                trunk.attach(hello.role, identity)
                credit = _credit(trunk)
                await self._serve(stream, trunk, identity, trunk.catch_up, credit, trunk.pump.run)
            case _:
                raise Ending(Code.MISSING_FIELD, "hello.role is required")

    async def _control(self, stream: "_Stream", identity: Identity, cursor: str) -> None:
        await nearly(cursor, self._node.hub)
        trunk = self._node.open_trunk(identity, cursor)
        try:
            await self._serve(
                stream,
                trunk,
                identity,
                trunk.control,
                trunk.take,
                lambda: self._await_others(trunk),
            )
        finally:
            self._node.close_trunk(trunk)
            trunk.close()

    async def _serve(
        self,
        stream: "_Stream",
        trunk: trunks.Trunk,
        identity: Identity,
        outbox: Queue,
        handle: "Handle",
        *others: Callable[[], Coroutine[object, object, None]],
    ) -> None:
        """Serve one stream until it, or another of the trunk, ends."""
        frame = gateway_pb2.TrunkResponse()
        frame.welcome.trunk_id = trunk.trunk_id
        frame.welcome.welcome.CopyFrom(
            welcome(trunk.trunk_id, self._node.name, identity, development=self._node.development)
        )
        stream.handle_frame = handle
        duplex: Duplex[Request] = Duplex(outbox, stream.context, stream)
        duplex.on_written = stream.on_written
        with ExitStack() as stack:
            stack.callback(trunk.end, None)
            trunk.ended.append(duplex.end)
            stack.callback(trunk.ended.remove, duplex.end)
            await stream.context.write(frame.SerializeToString())
            await duplex.run(stream.requests, *(other() for other in others))

    async def _hello(self, requests: AsyncIterator[Request]) -> gateway_pb2.TrunkHello:
        try:
            async with asyncio.timeout(self._attach_seconds):
                return await _hello(requests)
        except TimeoutError:
            raise Ending(Code.DEADLINE_EXCEEDED, "a trunk's stream begins with hello") from None

    async def _await_others(self, trunk: trunks.Trunk) -> None:
        try:
            async with asyncio.timeout(self._attach_seconds):
                await trunk.whole.wait()
        except TimeoutError:
            trunk.end(Ending(Code.DEADLINE_EXCEEDED, "LIVE and CATCH_UP have not come"))
            return
        try:
            async with asyncio.timeout(RESTORE_SECONDS):
                await trunk.restored.wait()
        except TimeoutError:
            trunk.end(Ending(Code.DEADLINE_EXCEEDED, "Restored has not come"))


Handle = Callable[[Request], Coroutine[object, object, None]]


class _Stream:
    """One stream's frames in (door.duplex.Handler)."""

    def __init__(
        self,
        context: "grpc.aio.ServicerContext[Request, bytes]",
        requests: AsyncIterator[Request],
    ) -> None:
        self.context = context
        self.requests = requests
        self.handle_frame: Handle = _refuse
        self.on_written: Callable[[], None] = lambda: None

    async def handle(self, request: Request) -> None:
        """Serve a frame, or each of a batch."""
        if request.WhichOneof("frame") == "batch":
            for frame in request.batch.frames:
                await self.handle_frame(frame)
        else:
            await self.handle_frame(request)

    def reject(self, request: Request, rejection: Rejection) -> None:
        """End the stream: an edge that sends what does not belong here is broken."""
        raise Ending(rejection.code, rejection.message)

    def closing(self, ending: CodedError | None) -> bytes:
        """Return the last frame."""
        return gateway_pb2.TrunkResponse(closing=closing(ending)).SerializeToString()


async def _hello(requests: AsyncIterator[Request]) -> gateway_pb2.TrunkHello:
    async for request in requests:
        if request.WhichOneof("frame") != "hello":
            break
        check_hello(request.hello.hello)
        return request.hello
    raise Ending(Code.MISSING_FIELD, "a trunk's stream begins with hello")


async def _refuse(request: Request) -> None:
    raise Rejection(Code.BAD_FRAME, "this stream takes no such frames")


def _credit(trunk: trunks.Trunk) -> Handle:
    async def take(request: Request) -> None:
        if request.WhichOneof("frame") != "credit":
            raise Rejection(Code.BAD_FRAME, "CATCH_UP takes credit only")
        trunk.credit(request.session, request.credit.bytes)

    return take
