"""Members over HTTP: who has a lasting right to a channel, and invitations."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from blackroad.edge.frames.times import duration_of, rfc3339
from blackroad.edge.rest.bodies import InvitationBody, PageSize, PageToken
from blackroad.edge.rest.call import caller_of
from blackroad.edge.rest.documents import Invitation, Joined, Member, page, reply, returns
from blackroad.edge.rest.identifier import last_id
from blackroad.edge.rest.shown import member_of
from blackroad.edge.rest.strict import StrictRoute
from blackroad.realtime.v1 import channel_pb2

router = APIRouter(route_class=StrictRoute, tags=["channels"])


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
    "/v1/channels/{name}/members/{client_id:id}", responses=returns(Member), summary="Add a member"
)
async def add_member(request: Request, name: str, client_id: str) -> Response:
    """Give a lasting right; idempotent."""
    caller = await caller_of(request)
    added = await caller.call(
        caller.channels.AddMember,
        channel_pb2.AddMemberRequest(channel=name, subject=last_id(request, client_id)),
    )
    return reply(member_of(added.member))


@router.delete(
    "/v1/channels/{name}/members/{client_id:id}", status_code=204, summary="Remove a member"
)
async def remove_member(request: Request, name: str, client_id: str) -> Response:
    """Take the right away: nothing published after the answer is delivered. Idempotent."""
    caller = await caller_of(request)
    await caller.call(
        caller.channels.RemoveMember,
        channel_pb2.RemoveMemberRequest(channel=name, subject=last_id(request, client_id)),
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
