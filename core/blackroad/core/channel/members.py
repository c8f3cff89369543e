"""The calls about members and invitations."""

from typing import Final

from blackroad.core.channel.changes import Changes
from blackroad.core.channel.control import MEMBER_ADDED, MEMBER_REMOVED, MemberChanged
from blackroad.core.channel.directory import Directory
from blackroad.core.channel.invitations import Invitations
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.paging import item_before, page_size, token_after
from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.names import check_id, check_name, unscope
from blackroad.realtime.v1 import channel_pb2

MAX_MEMBERS: Final = 10_000
INVITATION_SECONDS: Final = 86400.0
MAX_INVITATION_SECONDS: Final = 30 * 86400.0
MAX_CODE_BYTES: Final = 128


class MemberCalls:
    """Answers the calls about members and invitations, or raises `Rejection`."""

    def __init__(
        self,
        changes: Changes,
        directory: Directory,
        occupants: Occupants,
        invitations: Invitations,
        clock: Clock,
    ) -> None:
        self._changes = changes
        self._directory = directory
        self._store = directory.ledger.store
        self._occupants = occupants
        self._invitations = invitations
        self._clock = clock

    async def add_member(
        self, identity: Identity, request: channel_pb2.AddMemberRequest
    ) -> channel_pb2.AddMemberResponse:
        """Make a subject a member. Idempotent."""
        name, subject = _name(request.channel), _subject(request.subject)
        self._directory.check_manage(identity, name)
        key = identity.key(name)
        async with self._changes.turn(key):
            await self._add(identity, key, subject)
        return channel_pb2.AddMemberResponse(member=self._member(key, subject))

    async def remove_member(
        self, identity: Identity, request: channel_pb2.RemoveMemberRequest
    ) -> channel_pb2.RemoveMemberResponse:
        """End a membership: nothing published after the return is delivered by it. Idempotent."""
        name, subject = _name(request.channel), _subject(request.subject)
        if subject != identity.subject:
            self._directory.check_manage(identity, name)
        key = identity.key(name)
        async with self._changes.turn(key):
            if self._store.member(key, subject) is not None:
                body = MemberChanged(subject)
                keep = self._directory.policy(key).keep
                await self._changes.make(identity, key, MEMBER_REMOVED, body, keep)
        return channel_pb2.RemoveMemberResponse()

    async def list_members(
        self, identity: Identity, request: channel_pb2.ListMembersRequest
    ) -> channel_pb2.ListMembersResponse:
        """Return a page of members; of a public channel with presence its occupants."""
        name = _name(request.channel)
        self._directory.check_read(identity, name)
        key, size = identity.key(name), page_size(request.page_size)
        after = item_before(request.page_token)
        policy = self._directory.policy(key)
        if policy.presence and not policy.private:
            page = self._occupants.page(key, after, size + 1)
        else:
            members = self._store.members(key, after, size + 1)
            page = [(member.subject, member.joined_ns) for member in members]
        response = channel_pb2.ListMembersResponse()
        for subject, joined_ns in page[:size]:
            present = self._occupants.present(key, subject)
            response.members.append(_wire(subject, joined_ns, present))
        if len(page) > size:
            response.next_page_token = token_after(page[size - 1][0])
        return response

    async def create_invitation(
        self, identity: Identity, request: channel_pb2.CreateInvitationRequest
    ) -> channel_pb2.CreateInvitationResponse:
        """Return a code for new members."""
        name = _name(request.channel)
        self._directory.check_manage(identity, name)
        seconds = INVITATION_SECONDS
        if request.HasField("ttl"):
            seconds = request.ttl.seconds + request.ttl.nanos / 1e9
        if not 0 < seconds <= MAX_INVITATION_SECONDS:
            raise Rejection(Code.BAD_FRAME, "ttl is more than zero and at most 30 days")
        expires_ns = self._clock.time_ns() + int(seconds * 1e9)
        uses = request.max_uses or 1
        code = await self._invitations.create(identity.key(name), uses, expires_ns)
        response = channel_pb2.CreateInvitationResponse(code=code)
        response.expire_time.FromNanoseconds(expires_ns)
        return response

    async def accept_invitation(
        self, identity: Identity, request: channel_pb2.AcceptInvitationRequest
    ) -> channel_pb2.AcceptInvitationResponse:
        """Make the caller a member. Whoever is one already uses nothing up."""
        if not request.code:
            raise Rejection(Code.MISSING_FIELD, "code is required")
        code = request.code if len(request.code) <= MAX_CODE_BYTES else ""
        invitation = await self._invitations.take(identity.tenant, code)
        key = invitation.key
        try:
            async with self._changes.turn(key):
                added = await self._add(identity, key, identity.subject)
        except Rejection as rejection:
            if rejection.code is not Code.UNKNOWN:
                await self._invitations.give_back(invitation)
            raise
        if not added:
            await self._invitations.give_back(invitation)
        member = self._member(key, identity.subject)
        return channel_pb2.AcceptInvitationResponse(channel=unscope(key), member=member)

    async def _add(self, identity: Identity, key: str, subject: str) -> bool:
        """Make a subject a member; tell whether it was none. Within a turn of the channel."""
        if self._store.member(key, subject) is not None:
            return False
        if self._store.member_count(key) >= MAX_MEMBERS:
            raise Rejection(
                Code.TOO_LARGE, f"a channel has at most {MAX_MEMBERS} members", channel=unscope(key)
            )
        keep = self._directory.policy(key).keep
        return await self._changes.make(identity, key, MEMBER_ADDED, MemberChanged(subject), keep)

    def _member(self, key: str, subject: str) -> channel_pb2.Member:
        member = self._store.member(key, subject)
        if member is None:
            raise Rejection(Code.CONFLICT, "the member was removed again", channel=unscope(key))
        return _wire(subject, member.joined_ns, self._occupants.present(key, subject))


def _wire(subject: str, joined_ns: int, present: bool) -> channel_pb2.Member:
    member = channel_pb2.Member(subject=subject, present=present)
    member.join_time.FromNanoseconds(joined_ns)
    return member


def _name(channel: str) -> str:
    if not channel:
        raise Rejection(Code.MISSING_FIELD, "channel is required")
    return check_name(channel)


def _subject(subject: str) -> str:
    if not subject:
        raise Rejection(Code.MISSING_FIELD, "subject is required")
    return check_id(subject)
