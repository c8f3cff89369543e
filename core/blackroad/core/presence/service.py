"""The gRPC door of presence: PresenceService."""

from collections.abc import AsyncIterator

import grpc

from blackroad.core.door.caller import identify
from blackroad.core.node import Node
from blackroad.core.presence.track import TrackSession
from blackroad.realtime.v1 import presence_pb2, presence_pb2_grpc


class PresenceServicer(presence_pb2_grpc.PresenceServiceServicer):
    """Finds out who calls, and lets the domain answer."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def Track(  # type: ignore[override]  # grpc.aio takes a coroutine that writes itself, too
        self,
        request_iterator: AsyncIterator[presence_pb2.TrackRequest],
        context: "grpc.aio.ServicerContext[presence_pb2.TrackRequest, bytes]",
    ) -> None:
        """Serve one session."""
        node = self._node
        session = TrackSession(
            identify(context),
            context,
            node.roster,
            node.hub,
            node.clock,
            node=node.name,
            development=node.development,
            renew=node.renew,
            budget=node.budget,
        )
        with node.present(session):
            await session.run(request_iterator)

    async def GetPresence(
        self, request: presence_pb2.GetPresenceRequest, context: object
    ) -> presence_pb2.GetPresenceResponse:
        """Read one entity."""
        return await self._node.presences.get_presence(identify(context), request)

    async def ListPresence(
        self, request: presence_pb2.ListPresenceRequest, context: object
    ) -> presence_pb2.ListPresenceResponse:
        """List a page of entities."""
        return await self._node.presences.list_presence(identify(context), request)
