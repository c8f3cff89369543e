"""The gRPC door of invocations and answers: StreamService."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc

from blackroad.core.door.caller import identify
from blackroad.core.stream.calls import StreamCalls
from blackroad.core.stream.open import OpenSession
from blackroad.core.stream.serve import ServeSession
from blackroad.realtime.v1 import stream_pb2, stream_pb2_grpc

if TYPE_CHECKING:
    from blackroad.core.node import Node


class StreamServicer(stream_pb2_grpc.StreamServiceServicer):
    """Finds out who calls, and lets the domain answer."""

    def __init__(self, node: "Node") -> None:
        self._node = node
        self._calls = StreamCalls(node.answers)

    async def Open(  # type: ignore[override]  # grpc.aio takes a coroutine that writes itself, too
        self,
        request_iterator: AsyncIterator[stream_pb2.OpenRequest],
        context: "grpc.aio.ServicerContext[stream_pb2.OpenRequest, bytes]",
    ) -> None:
        """Serve one session of a caller or viewer."""
        node = self._node
        session = OpenSession(
            identify(context),
            context,
            node.answers,
            node.hub,
            node=node.name,
            development=node.development,
            connected_ns=node.clock.time_ns(),
            renew=node.renew,
        )
        with node.present(session):
            await session.run(request_iterator)

    async def Serve(  # type: ignore[override]  # grpc.aio takes a coroutine that writes itself, too
        self,
        request_iterator: AsyncIterator[stream_pb2.ServeRequest],
        context: "grpc.aio.ServicerContext[stream_pb2.ServeRequest, bytes]",
    ) -> None:
        """Serve one session of a worker."""
        node = self._node
        session = ServeSession(
            identify(context),
            context,
            node.answers,
            node=node.name,
            development=node.development,
            connected_ns=node.clock.time_ns(),
            renew=node.renew,
        )
        with node.present(session):
            await session.run(request_iterator)

    async def GetStream(
        self, request: stream_pb2.GetStreamRequest, context: object
    ) -> stream_pb2.GetStreamResponse:
        """Read one answer."""
        return await self._calls.get_stream(identify(context), request)

    async def ListStreams(
        self, request: stream_pb2.ListStreamsRequest, context: object
    ) -> stream_pb2.ListStreamsResponse:
        """List answers."""
        return await self._calls.list_streams(identify(context), request)

    async def CancelStream(
        self, request: stream_pb2.CancelStreamRequest, context: object
    ) -> stream_pb2.CancelStreamResponse:
        """Cancel an answer."""
        return await self._calls.cancel_stream(identify(context), request)

    async def ListTargets(
        self, request: stream_pb2.ListTargetsRequest, context: object
    ) -> stream_pb2.ListTargetsResponse:
        """List who can be asked."""
        return await self._calls.list_targets(identify(context), request)
