"""The gRPC door of operators: AdminService."""

from blackroad.core.door.caller import identify
from blackroad.core.node import Node
from blackroad.realtime.v1 import admin_pb2, admin_pb2_grpc


class AdminServicer(admin_pb2_grpc.AdminServiceServicer):
    """Finds out who calls, and lets the domain answer."""

    def __init__(self, node: Node) -> None:
        self._calls = node.admin

    async def ListSessions(
        self, request: admin_pb2.ListSessionsRequest, context: object
    ) -> admin_pb2.ListSessionsResponse:
        """List sessions."""
        return await self._calls.list_sessions(identify(context), request)

    async def DisconnectSession(
        self, request: admin_pb2.DisconnectSessionRequest, context: object
    ) -> admin_pb2.DisconnectSessionResponse:
        """End a session."""
        return await self._calls.disconnect_session(identify(context), request)

    async def ListNodes(
        self, request: admin_pb2.ListNodesRequest, context: object
    ) -> admin_pb2.ListNodesResponse:
        """List nodes."""
        return await self._calls.list_nodes(identify(context), request)

    async def Explain(
        self, request: admin_pb2.ExplainRequest, context: object
    ) -> admin_pb2.ExplainResponse:
        """Explain a session and a channel."""
        return await self._calls.explain(identify(context), request)
