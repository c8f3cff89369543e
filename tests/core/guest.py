"""A session whose end a test sees."""

from dataclasses import dataclass, field

from blackroad.core.errors import Ending
from blackroad.core.identity.development import developer_service
from blackroad.core.identity.identity import Identity
from blackroad.realtime.v1 import admin_pb2, common_pb2


@dataclass
class Guest:
    """A session of which the test sees how it ends."""

    session_id: str
    identity: Identity = field(default_factory=developer_service)
    door: admin_pb2.Door.ValueType = admin_pb2.DOOR_GRPC
    method: str = "Connect"
    client: common_pb2.ClientInfo = field(default_factory=common_pb2.ClientInfo)
    connected_ns: int = 0
    subscriptions: list[str] = field(default_factory=list)
    queued_bytes: int = 0
    catching_up: bool = False
    endings: list[Ending] = field(default_factory=list)

    def gap_ns(self, subscription: str, /) -> int:
        """Return that it was never told of a gap."""
        return 0

    def end(self, ending: Ending) -> None:
        """Note how it ends."""
        self.endings.append(ending)
