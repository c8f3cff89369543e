"""Channels over HTTP: made, read, changed, deleted; their history."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from google.protobuf.field_mask_pb2 import FieldMask

from blackroad.edge.errors import Refusal
from blackroad.edge.frames.answer import answer_frame
from blackroad.edge.frames.event import event_frame
from blackroad.edge.rest.bodies import ChannelBody, ChannelChanges, PageSize, PageToken
from blackroad.edge.rest.call import caller_of
from blackroad.edge.rest.documents import Channel, Events, page, reply, returns
from blackroad.edge.rest.policies import mask, metadata, policy, seen_etag
from blackroad.edge.rest.shown import channel_of
from blackroad.edge.rest.strict import StrictRoute
from blackroad.realtime.v1 import channel_pb2, event_pb2

router = APIRouter(route_class=StrictRoute, tags=["channels"])
Offset = Annotated[int | None, Query(ge=0, le=2**63 - 1)]
IfMatch = Annotated[str | None, Header()]


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
    return shown(made.channel, 201, {"Location": f"/v1/channels/{body.name}"})


@router.get("/v1/channels/{name}", responses=returns(Channel), summary="Read a channel")
async def get_channel(request: Request, name: str) -> Response:
    """Read one channel; `ETag` is what `If-Match` wants."""
    caller = await caller_of(request)
    found = await caller.call(caller.channels.GetChannel, channel_pb2.GetChannelRequest(name=name))
    return shown(found.channel)


@router.patch("/v1/channels/{name}", responses=returns(Channel), summary="Change a channel")
async def update_channel(
    request: Request, name: str, body: ChannelChanges, if_match: IfMatch = None
) -> Response:
    """Change what the body names; `If-Match` or `etag` guards against changes of others."""
    caller = await caller_of(request)
    changed = await caller.call(
        caller.channels.UpdateChannel,
        channel_pb2.UpdateChannelRequest(
            name=name,
            policy=policy(body),
            metadata_json=metadata(body),
            update_mask=FieldMask(paths=mask(body)),
            etag=seen_etag(body.etag, if_match),
        ),
    )
    return shown(changed.channel)


@router.delete("/v1/channels/{name}", status_code=204, summary="Delete a channel")
async def delete_channel(
    request: Request, name: str, etag: str = "", if_match: IfMatch = None
) -> Response:
    """Remove policy, members and history; `If-Match` or `etag` guards against changes of others."""
    seen = seen_etag(etag, if_match)
    caller = await caller_of(request)
    await caller.call(
        caller.channels.DeleteChannel, channel_pb2.DeleteChannelRequest(name=name, etag=seen)
    )
    return Response(status_code=204)


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


def shown(
    channel: channel_pb2.Channel, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return a channel with its `ETag`."""
    return reply(channel_of(channel), status, {**(headers or {}), "ETag": f'"{channel.etag}"'})


def event_document(event: event_pb2.Event) -> object:
    """Return an event as the WebSocket shows it."""
    return answer_frame(event) if event.HasField("answer") else event_frame(event)
