"""What an entity of presence is called, and how present it can be."""

from base64 import urlsafe_b64decode
from enum import IntEnum
from typing import NamedTuple

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.names import check_id, scope, tenant_of, token, unscope
from blackroad.realtime.v1 import common_pb2, presence_pb2

KINDS = (Kind.AGENT, Kind.SERVICE, Kind.USER)


class Status(IntEnum):
    """How present, with the numbers of the proto enum."""

    ONLINE = 1
    AWAY = 2
    BUSY = 3
    OFFLINE = 4

    @property
    def word(self) -> str:
        """The status in the browser's words."""
        return self.name.lower()

    @property
    def wire(self) -> "presence_pb2.PresenceStatus.ValueType":
        """The proto enum's value."""
        return presence_pb2.PresenceStatus.ValueType(self.value)


class Entity(NamedTuple):
    """An agent, a user or a service of a tenant."""

    tenant: str
    kind: Kind
    id: str

    @property
    def name(self) -> str:
        """The channel of its changes; also what the action `presence` is granted on."""
        return f"presence.{self.kind.value}.{token(self.id)}"

    @property
    def key(self) -> str:
        """The key of that channel."""
        return scope(self.tenant, self.name)

    @property
    def event_type(self) -> str:
        """The type of the events that tell its changes."""
        return "agent.status" if self.kind is Kind.AGENT else "presence.status"


def entity_of(identity: Identity) -> Entity:
    """Return what an identity is to others; FORBIDDEN for gateways, which only speak for others."""
    return checked_entity(identity.tenant, identity.kind, identity.subject)


def checked_entity(tenant: str, kind: Kind, identifier: str) -> Entity:
    """Return an entity; INVALID_NAME where the id cannot be one, FORBIDDEN for gateways."""
    if kind is Kind.GATEWAY:
        raise Rejection(Code.FORBIDDEN, "a gateway has no presence of its own")
    return Entity(tenant, kind, check_id(identifier))


def entity_at(key: str) -> Entity | None:
    """Return whose channel a key is; None where it is no entity's (a companion of a channel)."""
    _, word, identifier = unscope(key).split(".", 2)
    if word not in KINDS or "." in identifier:
        return None
    if identifier.startswith("~"):
        padding = "=" * (-(len(identifier) - 1) % 4)
        identifier = urlsafe_b64decode(identifier[1:] + padding).decode()
    return Entity(tenant_of(key), Kind(word), identifier)


def kind_of(number: int, *, required: bool = False) -> Kind | None:
    """Return the kind that a proto field names; None where it is not set.

    MISSING_FIELD where it is required, BAD_FRAME for one that presence does not know.
    """
    if not number:
        if required:
            raise Rejection(Code.MISSING_FIELD, "entity_type is required")
        return None
    for kind in KINDS:
        if kind.wire == number:
            return kind
    names = common_pb2.EntityKind.keys()
    known = next((name for name in names if common_pb2.EntityKind.Value(name) == number), "this")
    raise Rejection(Code.BAD_FRAME, f"{known} is no entity type of presence")
