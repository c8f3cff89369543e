"""What a channel tells of itself, in flat frames, as the AsyncAPI document shows them.

They are made from the events (`event.py`), whose JSON has these fields; nothing is made of these.
"""

from typing import Literal

from msgspec import UNSET, Struct, UnsetType


class Told(Struct, tag_field="type", omit_defaults=True, kw_only=True):
    """What all of them have; `subscription` while it catches up."""

    timestamp: str
    event_id: str
    offset: int
    cursor: str
    subscription: str | UnsetType = UNSET


class RoomJoined(Told, tag="room.joined", kw_only=True):
    """An identity's first session has come; to sessions that asked with `presence`."""

    room: str
    client_id: str
    member_count: int


class RoomLeft(Told, tag="room.left", kw_only=True):
    """An identity's last session has gone; to sessions that asked with `presence`."""

    room: str
    client_id: str
    member_count: int


class RoomMemberCount(Told, tag="room.member_count", kw_only=True):
    """How many are here, once a second at most, in the place of comings and goings above 200."""

    room: str
    member_count: int


class Occupant(Struct):
    """Somebody who is here."""

    client_id: str


class Turn(Struct):
    """Somebody who came or went."""

    client_id: str
    change: Literal["joined", "left"]


class ChannelMemberJoined(Told, tag="channel.member_joined", kw_only=True):
    """`room.joined` on a channel that was made."""

    channel_id: str
    client_id: str
    member_count: int


class ChannelMemberLeft(Told, tag="channel.member_left", kw_only=True):
    """`room.left` on a channel that was made."""

    channel_id: str
    client_id: str
    member_count: int


class ChannelPresenceUpdate(Told, tag="channel.presence_update", kw_only=True):
    """Who is here on a channel that was made: `members` once, then `changes`."""

    channel_id: str
    member_count: int
    members: list[Occupant] | UnsetType = UNSET
    changes: list[Turn] | UnsetType = UNSET


class KeptPolicy(Struct):
    """A channel's policy as its own events have it."""

    access: str
    presence: bool
    history_limit: int
    history_seconds: float
    max_members: int
    publishers: str
    history_before_join: bool


class ChannelCreated(Told, tag="channel.created", kw_only=True):
    """The channel was made."""

    channel_id: str
    policy: KeptPolicy
    owner: str
    members: list[str]
    metadata: object


class ChannelUpdated(Told, tag="channel.updated", kw_only=True):
    """The channel's policy or metadata has changed."""

    channel_id: str
    policy: KeptPolicy
    previous: str
    metadata: object


class ChannelDeleted(Told, tag="channel.deleted", kw_only=True):
    """The channel was deleted; `unsubscribed` follows."""

    channel_id: str
    previous: str


class ChannelMemberAdded(Told, tag="channel.member_added", kw_only=True):
    """Somebody has a lasting right to the channel now."""

    channel_id: str
    client_id: str


class ChannelMemberRemoved(Told, tag="channel.member_removed", kw_only=True):
    """Somebody has lost that right."""

    channel_id: str
    client_id: str


OccupancyFrame = (
    RoomJoined
    | RoomLeft
    | RoomMemberCount
    | ChannelMemberJoined
    | ChannelMemberLeft
    | ChannelPresenceUpdate
)
ControlFrame = (
    ChannelCreated | ChannelUpdated | ChannelDeleted | ChannelMemberAdded | ChannelMemberRemoved
)
