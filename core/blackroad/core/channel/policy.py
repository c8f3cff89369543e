"""A channel's policy: who reads and publishes, how much history there is, and how many come in."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.base import Keep
from blackroad.realtime.v1 import channel_pb2

MAX_HISTORY_EVENTS: Final = 100_000
MAX_HISTORY_SECONDS: Final = 30 * 86400


class Access(StrEnum):
    """Who may read and publish."""

    PUBLIC = "public"
    PRIVATE = "private"


class Publishers(StrEnum):
    """Who may publish, beyond the grant."""

    ANYONE = "anyone"
    SERVICES = "services"
    OWNER = "owner"
    SERVER = "server"


class Policy(msgspec.Struct, frozen=True):
    """How a channel behaves. The defaults are the server's."""

    access: Access = Access.PUBLIC
    presence: bool = False
    history_limit: int = 100
    history_seconds: float = 3600.0
    max_members: int = 1000  # the most occupants; 0: no limit
    publishers: Publishers = Publishers.ANYONE
    history_before_join: bool = True

    @property
    def private(self) -> bool:
        """Whether only members, and identities with `manage`, read and publish."""
        return self.access is Access.PRIVATE

    @property
    def keep(self) -> Keep:
        """How much history the log keeps."""
        return Keep(self.history_limit, self.history_seconds)

    @property
    def wire(self) -> channel_pb2.ChannelPolicy:
        """The proto message, every field of it set."""
        policy = channel_pb2.ChannelPolicy(
            access=_ACCESS_ON_WIRE[self.access],
            presence=self.presence,
            history_limit=self.history_limit,
            max_members=self.max_members,
            publishers=_PUBLISHERS_ON_WIRE[self.publishers],
            history_before_join=self.history_before_join,
        )
        policy.history_ttl.FromNanoseconds(round(self.history_seconds * 1e9))
        return policy

    def created(self, asked: channel_pb2.ChannelPolicy) -> "Policy":
        """Return this default with what `asked` sets; BAD_FRAME for a value that is not allowed."""
        stated = _stated(asked, self)
        return msgspec.structs.replace(stated, presence=asked.presence or self.presence)

    def updated(
        self, asked: channel_pb2.ChannelPolicy, fields: Iterable[str], default: "Policy"
    ) -> "Policy":
        """Return this policy with these fields of `asked`, or of `default` where they are unset.

        Raises BAD_FRAME for a value that is not allowed.
        """
        stated = _stated(asked, default)
        changes = {field: getattr(stated, field) for field in fields}
        return msgspec.structs.replace(self, **changes)


FIELDS: Final = {
    "access": "access",
    "presence": "presence",
    "history_limit": "history_limit",
    "history_ttl": "history_seconds",
    "max_members": "max_members",
    "publishers": "publishers",
    "history_before_join": "history_before_join",
}
"""The policy's fields by their names in the proto, as a field mask spells them."""

_ACCESS_ON_WIRE: Final = {
    Access.PUBLIC: channel_pb2.CHANNEL_ACCESS_PUBLIC,
    Access.PRIVATE: channel_pb2.CHANNEL_ACCESS_PRIVATE,
}
_PUBLISHERS_ON_WIRE: Final = {
    Publishers.ANYONE: channel_pb2.CHANNEL_PUBLISHERS_ANYONE,
    Publishers.SERVICES: channel_pb2.CHANNEL_PUBLISHERS_SERVICES,
    Publishers.OWNER: channel_pb2.CHANNEL_PUBLISHERS_OWNER,
    Publishers.SERVER: channel_pb2.CHANNEL_PUBLISHERS_SERVER,
}
_ACCESS: Final[dict[int, Access | None]] = {
    channel_pb2.CHANNEL_ACCESS_UNSPECIFIED: None,
    **{number: access for access, number in _ACCESS_ON_WIRE.items()},
}
_PUBLISHERS: Final[dict[int, Publishers | None]] = {
    channel_pb2.CHANNEL_PUBLISHERS_UNSPECIFIED: None,
    **{number: publishers for publishers, number in _PUBLISHERS_ON_WIRE.items()},
}


def _stated(asked: channel_pb2.ChannelPolicy, default: Policy) -> Policy:
    """Return what `asked` says, completed by the default."""
    if asked.access not in _ACCESS or asked.publishers not in _PUBLISHERS:
        raise Rejection(Code.BAD_FRAME, "the policy has a value that this server does not know")
    return Policy(
        access=_ACCESS[asked.access] or default.access,
        presence=asked.presence,
        history_limit=_history_limit(asked, default),
        history_seconds=_history_seconds(asked, default),
        max_members=asked.max_members if asked.HasField("max_members") else default.max_members,
        publishers=_PUBLISHERS[asked.publishers] or default.publishers,
        history_before_join=(
            asked.history_before_join
            if asked.HasField("history_before_join")
            else default.history_before_join
        ),
    )


def _history_limit(asked: channel_pb2.ChannelPolicy, default: Policy) -> int:
    if not asked.HasField("history_limit"):
        return default.history_limit
    if asked.history_limit > MAX_HISTORY_EVENTS:
        raise Rejection(Code.BAD_FRAME, f"history_limit is at most {MAX_HISTORY_EVENTS}")
    return asked.history_limit


def _history_seconds(asked: channel_pb2.ChannelPolicy, default: Policy) -> float:
    if not asked.HasField("history_ttl"):
        return default.history_seconds
    seconds = asked.history_ttl.seconds + asked.history_ttl.nanos / 1e9
    if not 0 <= seconds <= MAX_HISTORY_SECONDS:
        raise Rejection(Code.BAD_FRAME, "history_ttl is from zero to 30 days")
    return seconds
