"""The gRPC door of AccessService."""

from blackroad.core.access.calls import AccessCalls
from blackroad.core.door.caller import identify
from blackroad.core.node import Node
from blackroad.realtime.v1 import access_pb2, access_pb2_grpc


class AccessServicer(access_pb2_grpc.AccessServiceServicer):
    """Finds out who calls, and lets the domain answer."""

    def __init__(self, node: Node) -> None:
        self._calls = AccessCalls(
            node.peers,
            node.publisher,
            node.hub,
            node.clock,
            node.settings.auth.max_lifetime_seconds,
        )

    async def CreateTicket(
        self, request: access_pb2.CreateTicketRequest, context: object
    ) -> access_pb2.CreateTicketResponse:
        """Make a ticket."""
        return await self._calls.create_ticket(identify(context), request)

    async def CreateToken(
        self, request: access_pb2.CreateTokenRequest, context: object
    ) -> access_pb2.CreateTokenResponse:
        """Make a token."""
        del request
        return await self._calls.create_token(identify(context))

    async def Revoke(
        self, request: access_pb2.RevokeRequest, context: object
    ) -> access_pb2.RevokeResponse:
        """Revoke tokens."""
        return await self._calls.revoke(identify(context), request)

    async def ListRevocations(
        self, request: access_pb2.ListRevocationsRequest, context: object
    ) -> access_pb2.ListRevocationsResponse:
        """List what is revoked."""
        return await self._calls.list_revocations(identify(context), request)
