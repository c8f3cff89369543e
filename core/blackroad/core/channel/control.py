"""The events by which a channel's state changes, and the changes that they make."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from blackroad.core.channel.policy import Policy

CREATED: Final = "channel.created"
UPDATED: Final = "channel.updated"
DELETED: Final = "channel.deleted"
MEMBER_ADDED: Final = "channel.member_added"
MEMBER_REMOVED: Final = "channel.member_removed"


class Created(msgspec.Struct, frozen=True):
    """Body of `channel.created`. Without effect where the channel has been made already."""

    policy: Policy
    owner: str
    members: tuple[str, ...] = ()
    metadata: msgspec.Raw = msgspec.Raw(b"{}")


class Updated(msgspec.Struct, frozen=True):
    """Body of `channel.updated`. Without effect where the etag is not `previous` any more."""

    policy: Policy
    previous: str
    metadata: msgspec.Raw = msgspec.Raw(b"{}")


class Deleted(msgspec.Struct, frozen=True):
    """Body of `channel.deleted`. Without effect where the etag is not `previous` any more."""

    previous: str


class MemberChanged(msgspec.Struct, frozen=True):
    """Body of `channel.member_added` and `channel.member_removed`. Idempotent."""

    client_id: str


Body = Created | Updated | Deleted | MemberChanged

BODIES: Final[dict[str, type[Created | Updated | Deleted | MemberChanged]]] = {
    CREATED: Created,
    UPDATED: Updated,
    DELETED: Deleted,
    MEMBER_ADDED: MemberChanged,
    MEMBER_REMOVED: MemberChanged,
}


class What(StrEnum):
    """What has changed."""

    POLICY = "policy"
    DELETED = "deleted"
    MEMBER_ADDED = "member_added"
    MEMBER_REMOVED = "member_removed"


@dataclass(frozen=True, slots=True)
class Change:
    """A change that holds from now on, told before the event after it."""

    key: str
    what: What
    subject: str = ""  # the member; empty where all are concerned
    event_id: str = ""  # the event that made it
    was_private: bool | None = None  # whether a pattern did not show the channel to all, until now
