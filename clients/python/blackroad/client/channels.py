"""The calls that manage channels: policy, metadata, members, invitations."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, TypeVar

import orjson
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from blackroad.client.dial import Dial
from blackroad.client.event import JSONValue, to_json
from blackroad.realtime.v1 import channel_pb2

Response = TypeVar("Response", bound=Message)
Access = Literal["public", "private"]
Publishers = Literal["anyone", "services", "owner", "server"]
_PAGE: Final = 500

_ACCESSES: Final[dict[Access, channel_pb2.ChannelAccess.ValueType]] = {
    "public": channel_pb2.CHANNEL_ACCESS_PUBLIC,
    "private": channel_pb2.CHANNEL_ACCESS_PRIVATE,
}
_ACCESS_WORDS: Final[dict[channel_pb2.ChannelAccess.ValueType, Access]] = {
    number: access for access, number in _ACCESSES.items()
}
_PUBLISHERS: Final[dict[Publishers, channel_pb2.ChannelPublishers.ValueType]] = {
    "anyone": channel_pb2.CHANNEL_PUBLISHERS_ANYONE,
    "services": channel_pb2.CHANNEL_PUBLISHERS_SERVICES,
    "owner": channel_pb2.CHANNEL_PUBLISHERS_OWNER,
    "server": channel_pb2.CHANNEL_PUBLISHERS_SERVER,
}
_PUBLISHER_WORDS: Final[dict[channel_pb2.ChannelPublishers.ValueType, Publishers]] = {
    number: word for word, number in _PUBLISHERS.items()
}


@dataclass(frozen=True, slots=True)
class Policy:
    """How a channel behaves; what is None is the server's choice, and unchanged in an update."""

    access: Access | None = None
    presence: bool | None = None
    history_limit: int | None = None
    history_seconds: float | None = None
    max_members: int | None = None
    publishers: Publishers | None = None
    history_before_join: bool | None = None


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel as it stands."""

    name: str
    policy: Policy
    metadata: JSONValue
    owner: str
    etag: str
    member_count: int
    last_offset: int
    created: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A subject with a lasting right to a channel; `present` where it occupies it now."""

    subject: str
    join_time: datetime
    present: bool


@dataclass(frozen=True, slots=True)
class Invitation:
    """A code: whoever has it and an identity can become a member."""

    code: str
    expire_time: datetime


class Channels:
    """Manages channels. Each call raises Rejected with the server's reason, or Unavailable."""

    def __init__(self, dial: Dial, timeout_seconds: float) -> None:
        self._dial = dial
        self._timeout_seconds = timeout_seconds

    async def create(
        self,
        name: str,
        policy: Policy | None = None,
        metadata: JSONValue = None,
        members: Sequence[str] = (),
    ) -> Channel:
        """Make a channel with a policy of its own. Raises Conflict where it exists."""
        request = channel_pb2.CreateChannelRequest(
            name=name,
            policy=_write_policy(policy or Policy()),
            metadata_json="" if metadata is None else to_json(metadata),
            members=members,
        )
        answer = await self._call("CreateChannel", request, channel_pb2.CreateChannelResponse())
        return _read_channel(answer.channel)

    async def get(self, name: str) -> Channel:
        """Read one channel. Raises NotFound where it was never used, or is not visible."""
        request = channel_pb2.GetChannelRequest(name=name)
        answer = await self._call("GetChannel", request, channel_pb2.GetChannelResponse())
        return _read_channel(answer.channel)

    async def list(self, pattern: str = "") -> AsyncIterator[Channel]:
        """Give the channels that the caller may read, by name; page by page."""
        request = channel_pb2.ListChannelsRequest(pattern=pattern, page_size=_PAGE)
        while True:
            page = await self._call("ListChannels", request, channel_pb2.ListChannelsResponse())
            for channel in page.channels:
                yield _read_channel(channel)
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return

    async def update(
        self, name: str, policy: Policy | None = None, metadata: JSONValue = None, etag: str = ""
    ) -> Channel:
        """Change what is given. Raises Conflict where `etag` is not the present one."""
        wire = _write_policy(policy or Policy())
        paths = [f"policy.{field.name}" for field, _ in wire.ListFields()]
        if policy is not None and policy.presence is False:
            paths.append("policy.presence")
        request = channel_pb2.UpdateChannelRequest(name=name, policy=wire, etag=etag)
        if metadata is not None:
            request.metadata_json = to_json(metadata)
            paths.append("metadata_json")
        request.update_mask.CopyFrom(FieldMask(paths=paths))
        answer = await self._call("UpdateChannel", request, channel_pb2.UpdateChannelResponse())
        return _read_channel(answer.channel)

    async def delete(self, name: str, etag: str = "") -> None:
        """Remove policy, members and history; subscriptions end."""
        request = channel_pb2.DeleteChannelRequest(name=name, etag=etag)
        await self._call("DeleteChannel", request, channel_pb2.DeleteChannelResponse())

    async def members(self, channel: str) -> AsyncIterator[Member]:
        """Give the members by subject; of a public channel with presence, its occupants."""
        request = channel_pb2.ListMembersRequest(channel=channel, page_size=_PAGE)
        while True:
            page = await self._call("ListMembers", request, channel_pb2.ListMembersResponse())
            for member in page.members:
                yield _read_member(member)
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return

    async def add_member(self, channel: str, subject: str) -> Member:
        """Give a subject a lasting right to the channel. Idempotent."""
        request = channel_pb2.AddMemberRequest(channel=channel, subject=subject)
        answer = await self._call("AddMember", request, channel_pb2.AddMemberResponse())
        return _read_member(answer.member)

    async def remove_member(self, channel: str, subject: str) -> None:
        """Take it away: what is published after the return does not reach it. Idempotent."""
        request = channel_pb2.RemoveMemberRequest(channel=channel, subject=subject)
        await self._call("RemoveMember", request, channel_pb2.RemoveMemberResponse())

    async def invite(
        self, channel: str, max_uses: int = 1, ttl_seconds: float | None = None
    ) -> Invitation:
        """Make a code with which others become members."""
        request = channel_pb2.CreateInvitationRequest(channel=channel, max_uses=max_uses)
        if ttl_seconds is not None:
            request.ttl.FromNanoseconds(int(ttl_seconds * 1e9))
        answer = await self._call(
            "CreateInvitation", request, channel_pb2.CreateInvitationResponse()
        )
        return Invitation(answer.code, answer.expire_time.ToDatetime(UTC))

    async def accept(self, code: str) -> str:
        """Become a member by a code; return the channel's name. Raises NotFound."""
        request = channel_pb2.AcceptInvitationRequest(code=code)
        answer = await self._call(
            "AcceptInvitation", request, channel_pb2.AcceptInvitationResponse()
        )
        return answer.channel

    async def _call(self, rpc: str, request: Message, kind: Response) -> Response:
        return await self._dial.unary(
            f"ChannelService/{rpc}", request, type(kind).FromString, self._timeout_seconds
        )


def _write_policy(policy: Policy) -> channel_pb2.ChannelPolicy:
    wire = channel_pb2.ChannelPolicy(
        access=_ACCESSES[policy.access]
        if policy.access
        else channel_pb2.CHANNEL_ACCESS_UNSPECIFIED,
        presence=bool(policy.presence),
        history_limit=policy.history_limit,
        max_members=policy.max_members,
        publishers=_PUBLISHERS[policy.publishers]
        if policy.publishers
        else channel_pb2.CHANNEL_PUBLISHERS_UNSPECIFIED,
        history_before_join=policy.history_before_join,
    )
    if policy.access is not None:
        wire.access = _ACCESSES[policy.access]
    if policy.publishers is not None:
        wire.publishers = _PUBLISHERS[policy.publishers]
    if policy.history_seconds is not None:
        wire.history_ttl.FromNanoseconds(int(policy.history_seconds * 1e9))
    return wire


def _read_policy(policy: channel_pb2.ChannelPolicy) -> Policy:
    seconds = policy.history_ttl.ToTimedelta().total_seconds()
    return Policy(
        access=_ACCESS_WORDS.get(policy.access, "public"),
        presence=policy.presence,
        history_limit=policy.history_limit if policy.HasField("history_limit") else None,
        history_seconds=seconds if policy.HasField("history_ttl") else None,
        max_members=policy.max_members if policy.HasField("max_members") else None,
        publishers=_PUBLISHER_WORDS.get(policy.publishers, "anyone"),
        history_before_join=policy.history_before_join
        if policy.HasField("history_before_join")
        else None,
    )


def _read_channel(channel: channel_pb2.Channel) -> Channel:
    metadata: JSONValue = orjson.loads(channel.metadata_json) if channel.metadata_json else {}
    return Channel(
        name=channel.name,
        policy=_read_policy(channel.policy),
        metadata=metadata,
        owner=channel.owner,
        etag=channel.etag,
        member_count=channel.member_count,
        last_offset=channel.last_offset,
        created=channel.created,
    )


def _read_member(member: channel_pb2.Member) -> Member:
    return Member(member.subject, member.join_time.ToDatetime(UTC), member.present)
