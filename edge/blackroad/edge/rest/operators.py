"""What operators look at and take away: sessions, revocations, nodes; tickets and tokens."""

from datetime import UTC
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from blackroad.edge.context import context_of
from blackroad.edge.credentials import COOKIE, COOKIE_BEGINS, COOKIE_PATH
from blackroad.edge.errors import Refusal
from blackroad.edge.frames import words
from blackroad.edge.frames.times import parse_time, rfc3339
from blackroad.edge.rest.bodies import PageSize, PageToken, RevocationBody, TicketBody, TokenBody
from blackroad.edge.rest.call import caller_of
from blackroad.edge.rest.documents import (
    Explanation,
    Node,
    Revocation,
    Session,
    Ticket,
    Token,
    page,
    reply,
    returns,
)
from blackroad.edge.rest.shown import explanation_of, node_of, revocation_of, session_of
from blackroad.edge.rest.strict import StrictRoute
from blackroad.realtime.v1 import access_pb2, admin_pb2

router = APIRouter(route_class=StrictRoute, tags=["operators"])
Door = Literal["grpc", "websocket", "sse", "http"]
LARGEST_PAGE = 500


@router.get("/v1/sessions", responses=returns(Session, listed=True), summary="List sessions")
async def list_sessions(
    request: Request,
    page_size: PageSize = 50,
    page_token: PageToken = "",
    subject: str = "",
    door: Door | None = None,
) -> Response:
    """List the tenant's sessions, by id."""
    caller = await caller_of(request)
    asked = admin_pb2.ListSessionsRequest(
        page_size=page_size, page_token=page_token, subject=subject
    )
    if door is not None:
        asked.door = words.DOOR_VALUES[door]
    found = await caller.call(caller.admin.ListSessions, asked)
    return page([session_of(session) for session in found.sessions], found.next_page_token)


@router.get("/v1/sessions/{session_id}", responses=returns(Session), summary="Look at a session")
async def get_session(request: Request, session_id: str) -> Response:
    """Read one session."""
    caller = await caller_of(request)
    asked = admin_pb2.ListSessionsRequest(page_size=LARGEST_PAGE)
    while True:
        found = await caller.call(caller.admin.ListSessions, asked)
        for session in found.sessions:
            if session.session_id == session_id:
                return reply(session_of(session))
        if not found.next_page_token:
            raise Refusal("not_found")
        asked.page_token = found.next_page_token


@router.delete("/v1/sessions/{session_id}", status_code=204, summary="Disconnect a session")
async def disconnect(request: Request, session_id: str) -> Response:
    """End one session, at whatever door and node."""
    caller = await caller_of(request)
    await caller.call(
        caller.admin.DisconnectSession,
        admin_pb2.DisconnectSessionRequest(session_id=session_id),
    )
    return Response(status_code=204)


@router.get(
    "/v1/sessions/{session_id}/explain",
    responses=returns(Explanation),
    summary="Explain a delivery",
)
async def explain(request: Request, session_id: str, channel: str) -> Response:
    """Say why a session gets the events of a channel, or does not."""
    caller = await caller_of(request)
    explained = await caller.call(
        caller.admin.Explain, admin_pb2.ExplainRequest(session_id=session_id, channel=channel)
    )
    return reply(explanation_of(explained))


@router.get("/v1/nodes", responses=returns(Node, listed=True), summary="List core nodes")
async def list_nodes(
    request: Request, page_size: PageSize = 50, page_token: PageToken = ""
) -> Response:
    """List the core processes, by name."""
    caller = await caller_of(request)
    found = await caller.call(
        caller.admin.ListNodes,
        admin_pb2.ListNodesRequest(page_size=page_size, page_token=page_token),
    )
    return page([node_of(node) for node in found.nodes], found.next_page_token)


@router.get(
    "/v1/revocations", responses=returns(Revocation, listed=True), summary="List revocations"
)
async def list_revocations(
    request: Request, page_size: PageSize = 50, page_token: PageToken = ""
) -> Response:
    """List what is revoked, newest first."""
    caller = await caller_of(request)
    found = await caller.call(
        caller.access.ListRevocations,
        access_pb2.ListRevocationsRequest(page_size=page_size, page_token=page_token),
    )
    revocations = [revocation_of(revocation) for revocation in found.revocations]
    return page(revocations, found.next_page_token)


@router.post(
    "/v1/revocations",
    status_code=201,
    responses=returns(Revocation, status=201),
    summary="Revoke tokens",
)
async def revoke(request: Request, body: RevocationBody) -> Response:
    """End one token by `jti`, or all of a `subject` issued `before` a time."""
    if (body.jti is None) == (body.subject is None):
        raise Refusal("missing_field", "one of `jti` and `subject` is needed")
    asked = access_pb2.RevokeRequest()
    if body.jti is not None:
        asked.jti = body.jti
    if body.subject is not None:
        asked.subject.subject = body.subject
        if body.before is not None:
            asked.subject.before_time.CopyFrom(parse_time(body.before))
    caller = await caller_of(request)
    revoked = await caller.call(caller.access.Revoke, asked)
    return reply(revocation_of(revoked.revocation), 201)


@router.post(
    "/v1/tickets", status_code=201, responses=returns(Ticket, status=201), summary="Get a ticket"
)
async def create_ticket(request: Request, body: TicketBody | None = None) -> Response:
    """Turn the request's identity into a ticket for 30 s; `cookie` sets one for EventSource."""
    caller = await caller_of(request)
    asked = access_pb2.CreateTicketRequest(
        client_id=(body and body.client_id) or "", cookie=body is not None and body.cookie
    )
    made = await caller.call(caller.access.CreateTicket, asked)
    response = reply(
        Ticket(made.ticket, rfc3339(made.expire_time)), 201, {"Cache-Control": "no-store"}
    )
    if made.cookie:
        response.set_cookie(
            COOKIE,
            made.cookie,
            expires=made.cookie_expire_time.ToDatetime(UTC),
            path=COOKIE_PATH,
            httponly=True,
            samesite="strict",
            secure=context_of(request).is_secure(request),
        )
    return response


@router.post(
    "/v1/tokens", status_code=201, responses=returns(Token, status=201), summary="Use a ticket"
)
async def create_token(request: Request, body: TokenBody | None = None) -> Response:
    """Turn a ticket, or the request's identity, into a token of the core's own.

    It is good wherever a token is, ends with what it stands for, and after 12 hours at most.
    """
    ticket = body.ticket if body is not None else ""
    if ticket.startswith(COOKIE_BEGINS):
        raise Refusal("unauthenticated", "a session cookie is no ticket")
    caller = await caller_of(request, ticket)
    made = await caller.call(caller.access.CreateToken, access_pb2.CreateTokenRequest())
    document = Token(made.token, rfc3339(made.expire_time), made.identity.subject)
    return reply(document, 201, {"Cache-Control": "no-store"})
