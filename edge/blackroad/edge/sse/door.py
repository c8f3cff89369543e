"""The route of server-sent events: which channels, from where, and in which form."""

from typing import Annotated, Final, cast

import msgspec
from msgspec import Meta, Struct
from starlette.requests import Request
from starlette.responses import Response

from blackroad.edge import rendering
from blackroad.edge.context import Context
from blackroad.edge.errors import Refusal
from blackroad.edge.frames.client import explain
from blackroad.edge.frames.schemas import schema_components
from blackroad.edge.identifiers import client_channel, client_id_of
from blackroad.edge.problems import problem
from blackroad.edge.sse.listener import Listener, closing_blocks
from blackroad.realtime.v1 import admin_pb2, channel_pb2

DEFAULT_CHANNELS: Final = ("agents", "tasks", "alerts")
BROADCAST: Final = "broadcast"
MAX_CHANNELS: Final = 128
DRAINING_SECONDS: Final = 2.0
PASSING: Final = frozenset({"rate_limited", "draining", "unavailable", "deadline_exceeded"})
DESCRIPTION: Final = (
    "Follow names and patterns as one: one order, one cursor, one gap. `Last-Event-ID` beats "
    "`cursor`, and either beats `history`. The stream also follows `client.<client_id>`, and "
    "`broadcast` where that is allowed. What comes is in `/asyncapi.json`."
)
HEADERS: Final = {
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
}


class Query(Struct):
    """What the address asks for; parameters that nobody knows are ignored."""

    channels: Annotated[str | None, Meta(description="Names and patterns, by comma")] = None
    history: Annotated[int, Meta(ge=0, le=300)] | None = None
    cursor: str | None = None
    full: bool = False
    unnamed: bool = False


async def follow(context: Context, request: Request, segment: bytes) -> Response:
    """Follow channels as one unit; `segment` is the client's id as the path spells it.

    `Last-Event-ID` beats `cursor`, and either beats `history`. The stream also follows
    `client.<client_id>`, and `broadcast` where that is allowed.
    """
    try:
        if context.draining:
            raise Refusal("draining", retry_after_seconds=DRAINING_SECONDS)
        client_id, query = client_id_of(segment), query_of(request)
        cursor = request.headers.get("last-event-id") or query.cursor
        subscribe = subscription(client_id, query.channels, cursor, query.history)
        opening = context.opening(request, client_id, admin_pb2.DOOR_SSE)
        session = await context.trunk.open(opening)
        listener = Listener(context, session, rendering_of(query.full, query.unnamed))
        await listener.follow(subscribe, _without_broadcast(subscribe, query.channels))
    except Refusal as refusal:
        return refused(refusal)
    return listener.stream.response()


def query_of(request: Request) -> Query:
    """Return the parameters; Refusal `bad_frame` for one that is wrong or given twice."""
    items = request.query_params.multi_items()
    given = dict(items)
    if len(given) < len(items):
        raise Refusal("bad_frame", "a parameter is given twice")
    try:
        return msgspec.convert(given, Query, strict=False)
    except msgspec.ValidationError as error:
        raise explain(error) from None


def operation() -> dict[str, object]:
    """Return what OpenAPI is told of this route, which is none of the framework's."""
    (_,), schemas = schema_components([Query])
    properties = cast("dict[str, dict[str, dict[str, object]]]", schemas)["Query"]["properties"]
    parameters: list[dict[str, object]] = [
        {"name": "client_id", "in": "path", "required": True, "schema": {"type": "string"}},
        *({"name": name, "in": "query", "schema": kind} for name, kind in properties.items()),
        {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}},
    ]
    return {
        "tags": ["events"],
        "summary": "Follow channels as server-sent events",
        "description": DESCRIPTION,
        "operationId": "follow_events",
        "parameters": parameters,
        "responses": {
            "200": {"description": "Successful Response", "content": {"text/event-stream": {}}}
        },
    }


def subscription(
    client_id: str, channels: str | None, cursor: str | None, history: int | None
) -> channel_pb2.Subscribe:
    """Return the one subscription of a stream: all its channels as a unit."""
    asked = [part.strip() for part in (channels or "").split(",") if part.strip()]
    own = client_channel(client_id)
    unit = list(dict.fromkeys([*(asked or DEFAULT_CHANNELS), BROADCAST, own]))
    if len(unit) > MAX_CHANNELS:
        raise Refusal("too_many_subscriptions", f"a stream follows at most {MAX_CHANNELS} channels")
    subscribe = channel_pb2.Subscribe(channel=unit[0], unit=unit[1:])
    if cursor:
        subscribe.cursor = cursor
    elif history is not None:
        subscribe.history = history
    return subscribe


def _without_broadcast(
    subscribe: channel_pb2.Subscribe, channels: str | None
) -> channel_pb2.Subscribe | None:
    """Return the same but for what everybody is told, unless that was asked for by name."""
    asked = [part.strip() for part in (channels or "").split(",")]
    if BROADCAST in asked:
        return None
    lesser = channel_pb2.Subscribe()
    lesser.CopyFrom(subscribe)
    lesser.unit.remove(BROADCAST)
    return lesser


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
