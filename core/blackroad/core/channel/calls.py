"""The unary calls of ChannelService, but for Publish: what each checks, does and answers."""

from typing import Final

import msgspec

from blackroad.core.channel.catalog import Catalog
from blackroad.core.channel.changes import Changes, Reader
from blackroad.core.channel.control import CREATED, DELETED, UPDATED, Created, Deleted, Updated
from blackroad.core.channel.directory import Directory
from blackroad.core.channel.invitations import Invitations
from blackroad.core.channel.mask import METADATA, check_metadata, policy_fields
from blackroad.core.channel.members import MemberCalls
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.paging import item_before, page_size, token_after
from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.authorize import allows
from blackroad.core.identity.identity import Action, Identity
from blackroad.core.log.base import HistoryPage, Keep, Log
from blackroad.core.log.entry import Entry
from blackroad.core.log.shelf import Shelf
from blackroad.core.names import check_id, check_name, check_pattern
from blackroad.core.publisher import Publisher
from blackroad.realtime.v1 import channel_pb2

MAX_CHANNELS: Final = 10_000
"""How many channels of a tenant may have a policy of their own."""
MAX_FIRST_MEMBERS: Final = 100
MAX_EVENTS: Final = 300
NO_HISTORY: Final = Keep(0, 0.0)


class ChannelCalls:
    """Answers each call, or raises `Rejection`.

    A call that changes a channel returns once this node has applied the change. Those about members
    and invitations are `members`'.
    """

    def __init__(
        self,
        log: Log,
        reader: Reader,
        directory: Directory,
        occupants: Occupants,
        publisher: Publisher,
        clock: Clock,
    ) -> None:
        self._log = log
        self._directory = directory
        self._store = directory.ledger.store
        self._clock = clock
        self._changes = Changes(reader, publisher, directory)
        self._catalog = Catalog(log, directory, occupants)
        invitations = Invitations(Shelf(log, "invitation"), directory.ledger.floor, clock)
        directory.listeners.append(invitations.take_up)
        members = MemberCalls(self._changes, directory, occupants, invitations, clock)
        self.add_member = members.add_member
        self.remove_member = members.remove_member
        self.list_members = members.list_members
        self.create_invitation = members.create_invitation
        self.accept_invitation = members.accept_invitation

    async def create_channel(
        self, identity: Identity, request: channel_pb2.CreateChannelRequest
    ) -> channel_pb2.CreateChannelResponse:
        """Make a channel, with the caller as its owner and first member."""
        name = _name(request.name)
        self._directory.check_manage(identity, name)
        key = identity.key(name)
        policy = self._directory.ledger.default_policy(key).created(request.policy)
        body = Created(
            policy,
            identity.subject,
            _first_members(identity, request),
            check_metadata(request.metadata_json),
        )
        async with self._changes.turn(key):
            if self._catalog.made(key):
                raise _exists(name)
            self._check_count(key)
            if not await self._changes.make(identity, key, CREATED, body, policy.keep):
                raise _exists(name)
        return channel_pb2.CreateChannelResponse(channel=await self._catalog.channel(key))

    async def get_channel(
        self, identity: Identity, request: channel_pb2.GetChannelRequest
    ) -> channel_pb2.GetChannelResponse:
        """Return a channel; NOT_FOUND also where it is private and not the caller's."""
        name = _name(request.name)
        key = identity.key(name)
        await self._directory.learn(identity, name)
        try:
            self._directory.check_read(identity, name)
        except Rejection as rejection:
            if self._directory.is_closed(identity, name):
                raise _missing(name) from rejection
            if not allows(identity, Action.MANAGE, name):
                raise
        return channel_pb2.GetChannelResponse(channel=await self._catalog.channel(key))

    async def list_channels(
        self, identity: Identity, request: channel_pb2.ListChannelsRequest
    ) -> channel_pb2.ListChannelsResponse:
        """Return a page of the channels that the caller may read."""
        pattern = check_pattern(request.pattern or ">")
        after, size = item_before(request.page_token), page_size(request.page_size)
        channels, last = await self._catalog.page(identity, pattern, after, size)
        return channel_pb2.ListChannelsResponse(
            channels=channels, next_page_token=token_after(last)
        )

    async def update_channel(
        self, identity: Identity, request: channel_pb2.UpdateChannelRequest
    ) -> channel_pb2.UpdateChannelResponse:
        """Change what the mask names; CONFLICT where the etag is not the present one."""
        name = _name(request.name)
        fields = policy_fields(request.update_mask.paths)
        self._directory.check_manage(identity, name)
        key = identity.key(name)
        async with self._changes.turn(key):
            await self._catalog.channel(key)
            self._catalog.check_etag(key, request.etag)
            body = self._updated(key, request, fields)
            if not await self._changes.make(identity, key, UPDATED, body, body.policy.keep):
                raise Rejection(Code.CONFLICT, "the channel was changed meanwhile", channel=name)
        return channel_pb2.UpdateChannelResponse(channel=await self._catalog.channel(key))

    async def delete_channel(
        self, identity: Identity, request: channel_pb2.DeleteChannelRequest
    ) -> channel_pb2.DeleteChannelResponse:
        """Remove policy, members, invitations and history."""
        name = _name(request.name)
        self._directory.check_manage(identity, name)
        key = identity.key(name)
        async with self._changes.turn(key):
            await self._catalog.channel(key)
            self._catalog.check_etag(key, request.etag)
            record = self._store.record(key)
            body = Deleted(record.etag if record is not None else "")
            if not await self._changes.make(identity, key, DELETED, body, NO_HISTORY):
                raise Rejection(Code.CONFLICT, "the channel was changed meanwhile", channel=name)
            await self._log.forget(key)
        return channel_pb2.DeleteChannelResponse()

    async def list_events(
        self, identity: Identity, request: channel_pb2.ListEventsRequest
    ) -> channel_pb2.ListEventsResponse:
        """Return a page of the history, with the rights of now."""
        name = _name(request.channel)
        await self._directory.learn(identity, name)
        self._directory.check_read(identity, name)
        key = identity.key(name)
        floor = self._directory.history_floor(identity, key)
        limit = page_size(request.limit, most=MAX_EVENTS)
        match request.WhichOneof("bound"):
            case "before":
                page = await self._log.history(key, limit, before=request.before)
            case "after":
                page = await self._log.history(key, limit, after=max(request.after, floor))
            case _:
                page = await self._log.history(key, limit)
        return self._events(page, floor)

    def _events(self, page: HistoryPage, floor: int) -> channel_pb2.ListEventsResponse:
        """Return what may be shown of a page."""
        below = any(entry.offset <= floor for entry in page.entries)
        now_ns = self._clock.time_ns()
        shown = (entry for entry in page.entries if entry.offset > floor)
        return channel_pb2.ListEventsResponse(
            events=[entry.event for entry in shown if not _expired(entry, now_ns)],
            more=page.more and not below,
        )

    def _updated(
        self, key: str, request: channel_pb2.UpdateChannelRequest, fields: set[str]
    ) -> Updated:
        record = self._store.record(key)
        if record is None:
            self._check_count(key)
        policy = self._directory.policy(key).updated(
            request.policy, fields, self._directory.ledger.default_policy(key)
        )
        if METADATA in request.update_mask.paths:
            metadata = check_metadata(request.metadata_json)
        else:
            metadata = msgspec.Raw(record.metadata_json.encode() if record else b"{}")
        return Updated(policy, record.etag if record is not None else "", metadata)

    def _check_count(self, key: str) -> None:
        tenant = key.partition(".")[0]
        if self._store.record(key) is None and self._store.count(tenant) >= MAX_CHANNELS:
            raise Rejection(
                Code.TOO_LARGE, f"at most {MAX_CHANNELS} channels have a policy of their own"
            )


def _first_members(
    identity: Identity, request: channel_pb2.CreateChannelRequest
) -> tuple[str, ...]:
    if len(request.members) > MAX_FIRST_MEMBERS:
        raise Rejection(
            Code.TOO_LARGE, f"a channel begins with at most {MAX_FIRST_MEMBERS} members"
        )
    return tuple(dict.fromkeys([identity.subject, *map(check_id, request.members)]))


def _expired(entry: Entry, now_ns: int) -> bool:
    return 0 < entry.expires_ns <= now_ns


def _name(name: str) -> str:
    if not name:
        raise Rejection(Code.MISSING_FIELD, "the channel's name is required")
    return check_name(name)


def _exists(name: str) -> Rejection:
    return Rejection(Code.ALREADY_EXISTS, "there is a channel of this name", channel=name)


def _missing(name: str) -> Rejection:
    return Rejection(Code.NOT_FOUND, "there is no such channel", channel=name)
