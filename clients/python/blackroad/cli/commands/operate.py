"""What the operators' commands do."""

import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import typer
from google.protobuf.timestamp_pb2 import Timestamp

from blackroad.cli.output import CONSOLE, Row, counted, print_error, print_json, print_rows
from blackroad.cli.settings.read import settings_of
from blackroad.cli.token import Claims, make_token
from blackroad.client.client import Client
from blackroad.core.errors import Rejection
from blackroad.core.identity.identity import ALL_ACTIONS, Action, Grant, Kind
from blackroad.core.names import check_id, check_pattern, check_tenant
from blackroad.core.settings import CoreSettings
from blackroad.realtime.v1 import access_pb2, admin_pb2, common_pb2

PAGE = 500
EVERYTHING = (Grant(">", ALL_ACTIONS),)


async def list_sessions(client: Client, subject: str, as_json: bool) -> None:
    """List all sessions."""
    found = await counted(_sessions(client, subject), "sessions")
    print_rows(map(_session, found), as_json=as_json)


async def _sessions(client: Client, subject: str) -> AsyncIterator[admin_pb2.SessionInfo]:
    request = admin_pb2.ListSessionsRequest(page_size=PAGE, subject=subject)
    while True:
        page = await client.unary(
            "AdminService/ListSessions", request, admin_pb2.ListSessionsResponse.FromString
        )
        for session in page.sessions:
            yield session
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return


async def end_session(client: Client, session_id: str, as_json: bool) -> None:
    """End one session, and say so."""
    await client.unary(
        "AdminService/DisconnectSession",
        admin_pb2.DisconnectSessionRequest(session_id=session_id),
        admin_pb2.DisconnectSessionResponse.FromString,
    )
    _done({"session_id": session_id}, f"{session_id} is ended", as_json)


async def list_nodes(client: Client, as_json: bool) -> None:
    """List the nodes."""
    page = await client.unary(
        "AdminService/ListNodes",
        admin_pb2.ListNodesRequest(page_size=PAGE),
        admin_pb2.ListNodesResponse.FromString,
    )
    print_rows(map(_node, page.nodes), as_json=as_json)


async def explain_session(client: Client, session_id: str, channel: str, as_json: bool) -> None:
    """Say what stands between a channel and a session."""
    answer = await client.unary(
        "AdminService/Explain",
        admin_pb2.ExplainRequest(session_id=session_id, channel=channel),
        admin_pb2.ExplainResponse.FromString,
    )
    if not as_json:
        CONSOLE.print(answer.summary)
        return
    print_json(
        {
            "delivered": answer.delivered,
            "subscription": answer.subscription,
            "grant": answer.grant,
            "member": answer.member,
            "catching_up": answer.catching_up,
            "queued_bytes": answer.queued_bytes,
            "summary": answer.summary,
        }
    )


async def revoke_tokens(client: Client, jti: str, subject: str, as_json: bool) -> None:
    """Revoke one token, or all of a subject."""
    if bool(jti) == bool(subject):
        print_error("give a token's id, or --subject")
        raise typer.Exit(2)
    request = access_pb2.RevokeRequest()
    if jti:
        request.jti = jti
    else:
        request.subject.subject = subject
    await client.unary("AccessService/Revoke", request, access_pb2.RevokeResponse.FromString)
    _done({"jti": jti, "subject": subject}, f"{jti or subject} is revoked", as_json)


def _done(row: Row, text: str, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        CONSOLE.print(text, soft_wrap=True, markup=False)


def print_token(
    flags: Sequence[str],
    subject: str,
    kind: str,
    grants: Sequence[str],
    tenant: str,
    hours: float,
    as_json: bool,
) -> None:
    """Print a token, and nothing else, so that it can be put where it is needed."""
    settings = settings_of(CoreSettings, flags)
    try:
        claims = Claims(
            subject=check_id(subject),
            kind=Kind(kind),
            grants=tuple(map(_grant, grants)) or EVERYTHING,
            tenant=check_tenant(tenant),
        )
    except (Rejection, ValueError) as error:
        print_error(error.message if isinstance(error, Rejection) else str(error))
        raise typer.Exit(2) from None
    token = make_token(claims, settings.auth, hours * 3600)
    if as_json:
        ends = datetime.fromtimestamp(int(time.time() + hours * 3600), UTC)
        print_json({"token": token, "subject": subject, "kind": kind, "expire_time": ends})
    else:
        print(token)


def _grant(text: str) -> Grant:
    pattern, _, words = text.rpartition(":")
    actions = frozenset(Action(word) for word in words.split(",") if word)
    return Grant(check_pattern(pattern), actions)


def _session(session: admin_pb2.SessionInfo) -> Row:
    return {
        "session_id": session.session_id,
        "subject": session.identity.subject,
        "kind": common_pb2.EntityKind.Name(session.identity.kind)[12:].lower(),
        "door": admin_pb2.Door.Name(session.door)[5:].lower(),
        "method": session.method,
        "node": session.node,
        "connect_time": _time(session.connect_time),
        "subscriptions": list(session.subscriptions),
        "queued_bytes": session.queued_bytes,
        "catching_up": session.catching_up,
    }


def _node(node: admin_pb2.NodeInfo) -> Row:
    return {
        "name": node.name,
        "version": node.version,
        "start_time": _time(node.start_time),
        "sessions": node.sessions,
        "edges": node.edges,
        "workers": node.workers,
        "engine": node.engine,
        "engine_healthy": node.engine_healthy,
        "draining": node.draining,
    }


def _time(stamp: Timestamp) -> datetime:
    return stamp.ToDatetime(UTC)
