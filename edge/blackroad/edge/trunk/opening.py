"""Who comes to the edge, and what the core is told of it."""

from collections.abc import Callable
from dataclasses import dataclass

from blackroad.realtime.v1 import admin_pb2, common_pb2, gateway_pb2


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Who comes, by which door."""

    client_id: str
    door: admin_pb2.Door.ValueType
    token: str = ""
    ticket: str = ""
    address: str = ""
    client_name: str = ""
    on_accepted: Callable[[], None] = nothing

    def frame(self, session_id: str = "") -> gateway_pb2.SessionOpened:
        """Return what the core is told."""
        credential = gateway_pb2.Credential()
        if self.token:
            credential.token = self.token
        elif self.ticket:
            credential.ticket = self.ticket
        return gateway_pb2.SessionOpened(
            client_id=self.client_id,
            credential=credential,
            door=self.door,
            address=self.address,
            client=common_pb2.ClientInfo(name=self.client_name[:64]),
            session_id=session_id,
        )
