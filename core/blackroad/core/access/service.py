"""The gRPC door of AccessService: every rpc is refused, since none of it exists in this version."""

from typing import NoReturn

from blackroad.core.errors import Code, Rejection
from blackroad.realtime.v1 import access_pb2, access_pb2_grpc


class AccessServicer(access_pb2_grpc.AccessServiceServicer):
    """Answers UNIMPLEMENTED, in the words that clients know."""

    async def CreateTicket(
        self, request: access_pb2.CreateTicketRequest, context: object
    ) -> access_pb2.CreateTicketResponse:
        """Refuse: there are no tickets yet."""
        _refuse("tickets are")

    async def Revoke(
        self, request: access_pb2.RevokeRequest, context: object
    ) -> access_pb2.RevokeResponse:
        """Refuse: tokens cannot be taken back yet."""
        _refuse("revocation is")

    async def ListRevocations(
        self, request: access_pb2.ListRevocationsRequest, context: object
    ) -> access_pb2.ListRevocationsResponse:
        """Refuse: tokens cannot be taken back yet."""
        _refuse("revocation is")


def _refuse(what: str) -> NoReturn:
    raise Rejection(Code.UNIMPLEMENTED, f"{what} not implemented in this version")
