"""Publishing over HTTP: to `broadcast`, to one channel, to several."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Body, Header, Request
from fastapi.responses import Response
from msgspec import UNSET
from pydantic import JsonValue

from blackroad.edge.context import context_of
from blackroad.edge.errors import Refusal
from blackroad.edge.frames.draft import draft_of
from blackroad.edge.rest.bodies import PublishBody
from blackroad.edge.rest.call import Caller, caller_of
from blackroad.edge.rest.documents import Broadcast, Published, PublishedAll, reply, returns
from blackroad.edge.rest.strict import StrictRoute
from blackroad.realtime.v1 import channel_pb2, event_pb2

router = APIRouter(route_class=StrictRoute, tags=["publish"])
BROADCAST = "broadcast"
IdempotencyKey = Annotated[str | None, Header(max_length=128)]


@router.post("/broadcast", responses=returns(Broadcast), summary="Tell everyone")
async def broadcast(
    request: Request,
    content: Annotated[JsonValue, Body()],
    event: str = "message",
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Publish an event of a type to `broadcast`, which every SSE stream follows."""
    draft = draft_of(event, content=msgspec.json.encode(content))
    published = await publish(await caller_of(request), BROADCAST, draft, idempotency_key or "")
    clients = context_of(request).trunk.followers(BROADCAST)
    return reply(Broadcast("sent", _id(published), clients))


@router.post("/v1/publish", responses=returns(Published), summary="Publish an event")
async def publish_one_or_many(
    request: Request, body: PublishBody, idempotency_key: IdempotencyKey = None
) -> Response:
    """Publish to `channel`, or to each of `channels`: not atomic, one of `results` for each."""
    names, key, draft = _names(body), _key(body, idempotency_key), _draft(body)
    caller = await caller_of(request)
    if body.channels is not None:
        results = [await _one_of_many(caller, name, draft, key) for name in names]
        return reply(PublishedAll(results))
    (name,) = names
    return reply(_published(name, await publish(caller, name, draft, key)))


def _names(body: PublishBody) -> list[str]:
    given = [name for name in (body.channel, body.room) if name is not None]
    if len(given) + (body.channels is not None) > 1:
        raise Refusal("bad_frame", "give only one of `channel`, `room` and `channels`")
    if body.channels is not None:
        return body.channels
    if not given or not given[0]:
        raise Refusal("missing_field", "`channel` is missing")
    return given


def _key(body: PublishBody, header: str | None) -> str:
    if body.idempotency_key and header and body.idempotency_key != header:
        raise Refusal("bad_frame", "the header and the body give two idempotency keys")
    return body.idempotency_key or header or ""


def _draft(body: PublishBody) -> event_pb2.Draft:
    given = "content" in body.model_fields_set
    return draft_of(
        body.event,
        content=msgspec.json.encode(body.content) if given else b"",
        data=body.data,
        headers=body.headers,
        correlation_id=body.correlation_id or "",
    )


async def publish(
    caller: Caller, channel: str, draft: event_pb2.Draft, key: str
) -> channel_pb2.PublishResponse:
    """Publish one event."""
    request = channel_pb2.PublishRequest(channel=channel, events=[draft], idempotency_key=key)
    return await caller.call_once(caller.channels.Publish, request)


async def _one_of_many(caller: Caller, channel: str, draft: event_pb2.Draft, key: str) -> Published:
    try:
        return _published(channel, await publish(caller, channel, draft, key))
    except Refusal as refusal:
        return Published(
            channel, code=refusal.code, message=refusal.message, retryable=refusal.retryable
        )


def _published(channel: str, published: channel_pb2.PublishResponse) -> Published:
    first = published.events[0] if published.events else None
    return Published(
        channel,
        event_id=first.id if first else UNSET,
        offset=first.offset if first else UNSET,
        duplicate=published.duplicate,
    )


def _id(published: channel_pb2.PublishResponse) -> str:
    return published.events[0].id if published.events else ""
