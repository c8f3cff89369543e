"""The route of server-sent events: which channels, from where, and in which form."""

from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse

from blackroad.edge import rendering
from blackroad.edge.context import context_of
from blackroad.edge.errors import Refusal
from blackroad.edge.identifiers import check_client_id, client_channel
from blackroad.edge.problems import problem
from blackroad.edge.sse.listener import Listener, closing_blocks
from blackroad.realtime.v1 import admin_pb2, channel_pb2

router = APIRouter()
DEFAULT_CHANNELS: Final = ("agents", "tasks", "alerts")
MAX_CHANNELS: Final = 128
DRAINING_SECONDS: Final = 2.0
PASSING: Final = frozenset({"rate_limited", "draining", "unavailable", "deadline_exceeded"})
HEADERS: Final = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


@router.get(
    "/events/{client_id:path}",
    tags=["events"],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}},
    summary="Follow channels as server-sent events",
)
async def follow(
    request: Request,
    client_id: str,
    channels: Annotated[str | None, Query(description="Names and patterns, by comma")] = None,
    history: Annotated[int | None, Query(ge=0, le=300)] = None,
    cursor: str | None = None,
    full: bool = False,
    unnamed: bool = False,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Follow channels as one unit.

    `Last-Event-ID` beats `cursor`, and either beats `history`. The stream also follows `broadcast`
    and `client.<client_id>`.
    """
    context = context_of(request)
    try:
        if context.draining:
            raise Refusal("draining", retry_after_seconds=DRAINING_SECONDS)
        subscribe = subscription(
            check_client_id(client_id), channels, last_event_id or cursor, history
        )
        opening = context.opening(request, client_id, admin_pb2.DOOR_SSE)
        session = await context.trunk.open(opening)
        listener = Listener(context, session, rendering_of(full, unnamed))
        await listener.follow(subscribe)
    except Refusal as refusal:
        return refused(refusal)
    return listener.stream.response()


def subscription(
    client_id: str, channels: str | None, cursor: str | None, history: int | None
) -> channel_pb2.Subscribe:
    """Return the one subscription of a stream: all its channels as a unit."""
    asked = [part.strip() for part in (channels or "").split(",") if part.strip()]
    own = client_channel(client_id)
    unit = list(dict.fromkeys([*(asked or DEFAULT_CHANNELS), "broadcast", own]))
    if len(unit) > MAX_CHANNELS:
        raise Refusal("bad_frame", f"a stream follows at most {MAX_CHANNELS} channels")
    subscribe = channel_pb2.Subscribe(channel=unit[0], unit=unit[1:])
    if cursor:
        subscribe.cursor = cursor
    elif history is not None:
        subscribe.history = history
    return subscribe


def rendering_of(full: bool, unnamed: bool) -> str:
    """Return the form of the events."""
    if unnamed:
        return rendering.SSE_UNNAMED
    return rendering.SSE_FULL if full else rendering.SSE


def refused(refusal: Refusal) -> Response:
    """Return a final status, or 200 with `closing` for what passes: EventSource knows no other."""
    if refusal.code not in PASSING:
        return problem(refusal)
    return Response(closing_blocks(refusal), 200, HEADERS, "text/event-stream; charset=utf-8")
