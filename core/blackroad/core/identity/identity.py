"""An identity and its grants, as a token (or development mode) gave them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from blackroad.core.names import scope
from blackroad.realtime.v1 import common_pb2


class Kind(StrEnum):
    """What an identity is."""

    AGENT = "agent"
    USER = "user"
    SERVICE = "service"
    GATEWAY = "gateway"

    __hash__ = str.__hash__  # an enum's own is a function of Python

    @property
    def wire(self) -> common_pb2.EntityKind.ValueType:
        """The proto enum's value."""
        return _WIRE[self]


_WIRE: Final = {kind: common_pb2.EntityKind.Value(f"ENTITY_KIND_{kind.name}") for kind in Kind}


class Action(StrEnum):
    """What a grant can allow."""

    SUBSCRIBE = "subscribe"
    PUBLISH = "publish"
    PRESENCE = "presence"
    INVOKE = "invoke"
    SERVE = "serve"
    MANAGE = "manage"

    __hash__ = str.__hash__


ALL_ACTIONS = frozenset(Action)


class Grant(NamedTuple):
    """Allows actions on every name that a pattern matches."""

    pattern: str
    actions: frozenset[Action]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a session speaks for.

    `expires_at` and `issued_at` are Unix seconds; None where it does not expire, or nobody knows.
    """

    tenant: str
    subject: str
    kind: Kind
    grants: tuple[Grant, ...] = ()
    expires_at: float | None = None
    token_id: str = ""
    speaks_for_others: bool = False
    issued_at: float | None = None

    def key(self, name: str) -> str:
        """Return the key of a channel of this identity's tenant."""
        return scope(self.tenant, name)

    @property
    def wire(self) -> common_pb2.Identity:
        """The proto message."""
        return common_pb2.Identity(tenant=self.tenant, subject=self.subject, kind=self.kind.wire)


def grant(pattern: str, actions: Iterable[Action]) -> Grant:
    """Return a grant."""
    return Grant(pattern, frozenset(actions))
