"""An entry of presence as other nodes read it from the board."""

from typing import Final

import msgspec

from blackroad.core.identity.identity import Kind
from blackroad.core.presence.entity import Entity, Status
from blackroad.core.presence.record import Stay

TOPIC: Final = "stay"


class _Shared(msgspec.Struct, array_like=True, frozen=True):
    tenant: str
    kind: Kind
    id: str
    status: int
    metadata_json: str
    capabilities: tuple[str, ...]
    capacity: int | None
    node: str
    connected_ns: int
    spoke: int
    active: int


_ENCODER: Final = msgspec.msgpack.Encoder()
_DECODER: Final = msgspec.msgpack.Decoder(_Shared)


def encoded(stay: Stay) -> bytes:
    """Return an entry as the board has it."""
    return _ENCODER.encode(
        _Shared(
            *stay.entity,
            int(stay.status),
            stay.metadata_json,
            stay.capabilities,
            stay.capacity,
            stay.node,
            stay.connected_ns,
            stay.spoke,
            stay.active,
        )
    )


def decoded(session_id: str, value: bytes, origin: str) -> Stay:
    """Return the entry that a node, by its generation, has on the board."""
    shared = _DECODER.decode(value)
    return Stay(
        session_id,
        Entity(shared.tenant, shared.kind, shared.id),
        Status(shared.status),
        shared.metadata_json,
        shared.capabilities,
        shared.capacity,
        shared.node,
        shared.connected_ns,
        shared.spoke,
        renewed=0.0,
        active=shared.active,
        origin=origin,
    )
