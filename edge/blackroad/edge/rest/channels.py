"""Channels over HTTP: policy, members, invitations, history."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from google.protobuf.field_mask_pb2 import FieldMask

from blackroad.edge.errors import Refusal
from blackroad.edge.frames import words
from blackroad.edge.frames.answer import answer_frame
from blackroad.edge.frames.event import event_frame
from blackroad.edge.frames.times import duration_of, rfc3339
from blackroad.edge.rest.bodies import (
    ChannelBody,
    ChannelChanges,
    HistoryBody,
    InvitationBody,
    PageSize,
    PageToken,
)
from blackroad.edge.rest.call import caller_of
from blackroad.edge.rest.documents import (
    Channel,
    Events,
    Invitation,
    Joined,
    Member,
    page,
    reply,
    returns,
)
from blackroad.edge.rest.shown import channel_of, member_of
from blackroad.edge.rest.strict import StrictRoute
from blackroad.realtime.v1 import channel_pb2, event_pb2

router = APIRouter(route_class=StrictRoute, tags=["channels"])
Offset = Annotated[int | None, Query(ge=0, le=2**63 - 1)]


@router.get("/v1/channels", responses=returns(Channel, listed=True), summary="List channels")
async def list_channels(
    request: Request, page_size: PageSize = 50, page_token: PageToken = "", pattern: str = ""
) -> Response:
    """List the channels that the caller may read, by name."""
    caller = await caller_of(request)
    found = await caller.call(
        caller.channels.ListChannels,
        channel_pb2.ListChannelsRequest(
            page_size=page_size, page_token=page_token, pattern=pattern
        ),
    )
    return page([channel_of(channel) for channel in found.channels], found.next_page_token)


@router.post(
    "/v1/channels",
    status_code=201,
    responses=returns(Channel, status=201),
    summary="Make a channel",
)
async def create_channel(request: Request, body: ChannelBody) -> Response:
    """Make a channel with a policy of its own."""
    caller = await caller_of(request)
    made = await caller.call(
        caller.channels.CreateChannel,
        channel_pb2.CreateChannelRequest(
            name=body.name,
            policy=policy(body),
            metadata_json=metadata(body),
            members=body.members,
        ),
    )
    location = {"Location": f"/v1/channels/{body.name}"}
    return reply(channel_of(made.channel), 201, location)


@router.get("/v1/channels/{name}", responses=returns(Channel), summary="Read a channel")
async def get_channel(request: Request, name: str) -> Response:
    """Read one channel."""
    caller = await caller_of(request)
    found = await caller.call(caller.channels.GetChannel, channel_pb2.GetChannelRequest(name=name))
    return reply(channel_of(found.channel))


@router.patch("/v1/channels/{name}", responses=returns(Channel), summary="Change a channel")
async def update_channel(request: Request, name: str, body: ChannelChanges) -> Response:
    """Change what the body names; `etag` guards against changes of others."""
    caller = await caller_of(request)
    changed = await caller.call(
        caller.channels.UpdateChannel,
        channel_pb2.UpdateChannelRequest(
            name=name,
            policy=policy(body),
            metadata_json=metadata(body),
            update_mask=FieldMask(paths=mask(body)),
            etag=body.etag or "",
        ),
    )
    return reply(channel_of(changed.channel))


@router.delete("/v1/channels/{name}", status_code=204, summary="Delete a channel")
async def delete_channel(request: Request, name: str, etag: str = "") -> Response:
    """Remove policy, members and history."""
    caller = await caller_of(request)
    await caller.call(
        caller.channels.DeleteChannel, channel_pb2.DeleteChannelRequest(name=name, etag=etag)
    )
    return Response(status_code=204)


@router.get(
    "/v1/channels/{name}/members", responses=returns(Member, listed=True), summary="List members"
)
async def list_members(
    request: Request, name: str, page_size: PageSize = 50, page_token: PageToken = ""
) -> Response:
    """List members, or the occupants of a public channel with presence."""
    caller = await caller_of(request)
    found = await caller.call(
        caller.channels.ListMembers,
        channel_pb2.ListMembersRequest(channel=name, page_size=page_size, page_token=page_token),
    )
    return page([member_of(member) for member in found.members], found.next_page_token)


@router.put(
    "/v1/channels/{name}/members/{client_id}", responses=returns(Member), summary="Add a member"
)
async def add_member(request: Request, name: str, client_id: str) -> Response:
    """Give a lasting right; idempotent."""
    caller = await caller_of(request)
    added = await caller.call(
        caller.channels.AddMember,
        channel_pb2.AddMemberRequest(channel=name, subject=client_id),
    )
    return reply(member_of(added.member))


@router.delete(
    "/v1/channels/{name}/members/{client_id}", status_code=204, summary="Remove a member"
)
async def remove_member(request: Request, name: str, client_id: str) -> Response:
    """Take the right away: nothing published after the answer is delivered. Idempotent."""
    caller = await caller_of(request)
    await caller.call(
        caller.channels.RemoveMember,
        channel_pb2.RemoveMemberRequest(channel=name, subject=client_id),
    )
    return Response(status_code=204)


@router.post(
    "/v1/channels/{name}/invitations",
    status_code=201,
    responses=returns(Invitation, status=201),
    summary="Invite",
)
async def invite(request: Request, name: str, body: InvitationBody) -> Response:
    """Make a code with which others become members."""
    caller = await caller_of(request)
    asked = channel_pb2.CreateInvitationRequest(channel=name, max_uses=body.max_uses or 0)
    if body.ttl_seconds is not None:
        asked.ttl.CopyFrom(duration_of(body.ttl_seconds))
    made = await caller.call(caller.channels.CreateInvitation, asked)
    return reply(Invitation(made.code, rfc3339(made.expire_time)), 201)


@router.post("/v1/invitations/{code}", responses=returns(Joined), summary="Accept an invitation")
async def accept_invitation(request: Request, code: str) -> Response:
    """Become a member."""
    caller = await caller_of(request)
    accepted = await caller.call(
        caller.channels.AcceptInvitation, channel_pb2.AcceptInvitationRequest(code=code)
    )
    return reply(Joined(accepted.channel, member_of(accepted.member)))


@router.get("/v1/channels/{name}/events", responses=returns(Events), summary="Read the past")
async def list_events(
    request: Request,
    name: str,
    before: Offset = None,
    after: Offset = None,
    limit: Annotated[int, Query(ge=1, le=300)] = 50,
) -> Response:
    """Read a page of history: the newest before an offset, or the oldest after one."""
    if before is not None and after is not None:
        raise Refusal("bad_frame", "give `before` or `after`, not both")
    asked = channel_pb2.ListEventsRequest(channel=name, limit=limit)
    if before is not None:
        asked.before = before
    elif after is not None:
        asked.after = after
    caller = await caller_of(request)
    found = await caller.call(caller.channels.ListEvents, asked)
    return reply(Events([event_document(event) for event in found.events], found.more))


def event_document(event: event_pb2.Event) -> object:
    """Return an event as the WebSocket shows it."""
    return answer_frame(event) if event.HasField("answer") else event_frame(event)


def policy(body: ChannelChanges) -> channel_pb2.ChannelPolicy:
    """Return the policy that a body names."""
    made = channel_pb2.ChannelPolicy(
        presence=bool(body.presence),
        max_members=body.max_members,
        history_before_join=body.history_before_join,
    )
    if body.access is not None:
        made.access = words.ACCESS_VALUES[body.access]
    if body.publishers is not None:
        made.publishers = words.PUBLISHER_VALUES[body.publishers]
    history = HistoryBody(limit=body.history) if isinstance(body.history, int) else body.history
    if history is not None and history.limit is not None:
        made.history_limit = history.limit
    if history is not None and history.ttl_seconds is not None:
        made.history_ttl.CopyFrom(duration_of(history.ttl_seconds))
    return made


def metadata(body: ChannelChanges) -> str:
    """Return the metadata as JSON text; empty where there is none."""
    return "" if body.metadata is None else msgspec.json.encode(body.metadata).decode()


def mask(body: ChannelChanges) -> list[str]:
    """Return the paths that a body names; Refusal `missing_field` where it names none."""
    named = body.model_dump(exclude_none=True)
    paths = [
        f"policy.{field}"
        for field in ("access", "presence", "max_members", "publishers", "history_before_join")
        if field in named
    ]
    if isinstance(body.history, int):
        paths.append("policy.history_limit")
    elif body.history is not None:
        limits = {"limit": "policy.history_limit", "ttl_seconds": "policy.history_ttl"}
        paths += [path for field, path in limits.items() if field in named["history"]]
    if body.metadata is not None:
        paths.append("metadata_json")
    if not paths:
        raise Refusal("missing_field", "the body changes nothing")
    return paths
