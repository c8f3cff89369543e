"""Presence over HTTP: who is here, and the agents."""

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import Response

from blackroad.edge.errors import Refusal
from blackroad.edge.frames import words
from blackroad.edge.frames.values import Entity, entity_of
from blackroad.edge.rest.bodies import PageSize, PageToken
from blackroad.edge.rest.call import caller_of
from blackroad.edge.rest.documents import page, reply, returns
from blackroad.edge.rest.identifier import last_id
from blackroad.edge.rest.strict import StrictRoute
from blackroad.realtime.v1 import presence_pb2

router = APIRouter(route_class=StrictRoute, tags=["presence"])
Kind = Literal["agent", "user", "service"]
Status = Literal["online", "away", "busy", "offline"]


@router.get("/v1/presence", responses=returns(Entity, listed=True), summary="Who is here")
async def list_presence(
    request: Request,
    entity_type: Kind | None = None,
    status: Status | None = None,
    channel: str = "",
    page_size: PageSize = 50,
    page_token: PageToken = "",
) -> Response:
    """List entities by type and id; with `channel`, its occupants."""
    caller = await caller_of(request)
    found = await caller.call(
        caller.presence.ListPresence,
        presence_pb2.ListPresenceRequest(
            entity_type=words.kind_of(entity_type),
            status=words.status_of(status),
            channel=channel,
            page_size=page_size,
            page_token=page_token,
        ),
    )
    return page([entity_of(entity) for entity in found.entities], found.next_page_token)


@router.get(
    "/v1/presence/{entity_type}/{entity_id:id}", responses=returns(Entity), summary="Is it here"
)
async def get_presence(request: Request, entity_type: Kind, entity_id: str) -> Response:
    """Read one entity; one that was never here is `offline`."""
    return reply(await _entity(request, entity_type, last_id(request, entity_id)))


@router.get("/v1/agents", responses=returns(Entity, listed=True), summary="List agents")
async def list_agents(
    request: Request,
    status: Status | None = None,
    page_size: PageSize = 50,
    page_token: PageToken = "",
) -> Response:
    """List the agents that are here."""
    return await list_presence(request, "agent", status, "", page_size, page_token)


@router.get("/v1/agents/{name}", responses=returns(Entity), summary="Look at an agent")
async def get_agent(request: Request, name: str) -> Response:
    """Read one agent; 404 where it is not registered."""
    entity = await _entity(request, "agent", name)
    if entity.status == "offline":
        raise Refusal("not_found", "no agent of this name is registered")
    return reply(entity)


async def _entity(request: Request, entity_type: Kind, entity_id: str) -> Entity:
    caller = await caller_of(request)
    found = await caller.call(
        caller.presence.GetPresence,
        presence_pb2.GetPresenceRequest(
            entity_type=words.kind_of(entity_type), entity_id=entity_id
        ),
    )
    return entity_of(found.presence)
