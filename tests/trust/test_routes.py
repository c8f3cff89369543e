"""Every frame and route of the edge, as docs/security.md has it: none without a row."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, replace
from typing import Final

import pytest

from blackroad.edge.app import ROUTERS
from blackroad.edge.frames.client import TYPES
from tests.core.access.world import ALL, Grants, token
from tests.trust.edge import DENIED, Browser, edge_of, told
from tests.trust.house import House, house
from tests.trust.tables import routes

pytestmark = pytest.mark.usefixtures("one_loop")

NEEDS: Final = routes()
CHAT: Final = ("prompt", "message", "cancel", "input", "ping")
ID: Final = "<id>"
ANSWER: Final = f"stream.{ID}"
ORDERS: Final = "orders.new"
CONTROL: Final = "system.control"
ECHO: Final = "agent.ECHO"


@dataclass(frozen=True)
class Act:
    """What is said, and the name on which a grant makes it allowed."""

    on: str = ""
    body: Mapping[str, object] | None = None
    path: str = ""
    also: str = ""  # another action that allows it


def frame(on: str, **fields: object) -> Act:
    return Act(on, fields)


INVOKE: Final = {"agent": "ECHO", "prompt": "hi", "deadline_seconds": 5}
MESSAGES: Final = [{"role": "user", "content": "hi"}]
UI: Final = {
    "id": "mine",
    "trigger": "submit-message",
    "messages": [{"id": "m", "role": "user", "parts": [{"type": "text", "text": "hi"}]}],
}
BOB: Final = "presence.user.bob"
# Everything that needs more than an identity. A row for `anyone` needs nothing here.
ACTS: Final[Mapping[str, Act]] = {
    "WebSocket subscribe": frame(ORDERS, room=ORDERS),
    "WebSocket message": frame(ORDERS, room=ORDERS, content=1),
    "WebSocket publish": frame(ORDERS, room=ORDERS, event="made", content=1),
    "WebSocket history": frame(ORDERS, room=ORDERS),
    "WebSocket presence": frame(BOB, entity_type="user", entity_id="bob"),
    "WebSocket agent.invoke": frame(ECHO, agent="ECHO", input="hi", deadline_seconds=5),
    "WebSocket cancel": frame(ANSWER, stream_id=ID),
    "WebSocket input": frame(ANSWER, stream_id=ID, content=1),
    "chat prompt": Act(ECHO, INVOKE),
    "chat message": Act(ECHO, INVOKE),
    "chat cancel": Act(ANSWER, {"stream_id": ID}),
    "chat input": Act(ANSWER, {"stream_id": ID, "content": 1}),
    "GET /events/{client_id}": Act(ORDERS, path="/events/bob?channels=orders.new"),
    "POST /v1/chat/stream": Act(ECHO, INVOKE),
    "GET /v1/streams/{stream_id}/events": Act(ANSWER),
    "POST /v1/streams/{stream_id}/input": Act(ANSWER, {"content": 1}),
    "POST /v1/chat/completions": Act(ECHO, {"model": "ECHO", "messages": MESSAGES, "stream": True}),
    "POST /v1/chat/ui": Act(ECHO, UI, "/v1/chat/ui?agent=ECHO"),
    "POST /broadcast": Act("broadcast", {"message": "hi"}),
    "POST /v1/publish": Act(ORDERS, {"channel": ORDERS, "content": 1}),
    "POST /v1/streams": Act(ECHO, INVOKE),
    "GET /v1/streams/{stream_id}": Act(ANSWER),
    "DELETE /v1/streams/{stream_id}": Act(ANSWER),
    "GET /v1/conversations/{conversation}": Act("conversation.c1", path="/v1/conversations/c1"),
    "POST /v1/channels": Act("made.one", {"name": "made.one"}),
    "GET /v1/channels/{name}": Act(ORDERS, also="manage"),
    "PATCH /v1/channels/{name}": Act("deals.big", {"metadata": {}}),
    "DELETE /v1/channels/{name}": Act("deals.big"),
    "GET /v1/channels/{name}/events": Act(ORDERS),
    "GET /v1/channels/{name}/members": Act(ORDERS),
    "PUT /v1/channels/{name}/members/{client_id}": Act("deals.big"),
    "DELETE /v1/channels/{name}/members/{client_id}": Act(
        "deals.big", path="/v1/channels/{name}/members/cy"
    ),
    "POST /v1/channels/{name}/invitations": Act("deals.big", {}),
    "GET /v1/presence": Act("presence.user.*", path="/v1/presence?entity_type=user"),
    "GET /v1/presence/{entity_type}/{entity_id}": Act(BOB, path="/v1/presence/user/bob"),
    "GET /v1/agents": Act("presence.agent.*"),
    "GET /v1/agents/{name}": Act("presence.agent.ECHO", path="/v1/agents/ECHO"),
    "GET /v1/sessions": Act(CONTROL),
    "GET /v1/sessions/{session_id}": Act(CONTROL),
    "DELETE /v1/sessions/{session_id}": Act(CONTROL),
    "GET /v1/sessions/{session_id}/explain": Act(
        CONTROL, path="/v1/sessions/se_0/explain?channel=r"
    ),
    "GET /v1/nodes": Act(CONTROL),
    "GET /v1/revocations": Act(CONTROL),
    "POST /v1/revocations": Act(CONTROL, {"jti": "nobody's"}),
}
PARAMETERS: Final = {
    "{client_id}": "bob",
    "{session_id}": "se_0",
    "{chat_id}": "mine",
    "{code}": "none",
}
OPEN: Final[Mapping[str, Act]] = {
    "GET /pages/{name}": Act(path="/pages/pages.css"),
    "GET /console/{name}": Act(path="/console/console.css"),
    "GET /v1/models/{model}": Act(path="/v1/models/ECHO"),
    "POST /v1/tickets": Act(body={}),
    "POST /v1/tokens": Act(body={}),
    "WebSocket presence.update": Act(body={"status": "away"}),
    "WebSocket unsubscribe": Act(body={"room": ORDERS}),
    "WebSocket token": Act(body={"token": "none"}),
}


@pytest.fixture
async def here(one_loop: None) -> AsyncGenerator[House]:
    del one_loop
    async with house() as everything:
        yield everything


@pytest.fixture
async def address(here: House) -> AsyncGenerator[str]:
    async with edge_of(here) as found:
        yield found


def routes_of_the_app() -> set[str]:
    """Return every route there is, whether or not a document describes it."""
    found: set[str] = {"GET /events/{client_id}"}
    for router in ROUTERS:
        for route in router.routes:
            path = getattr(route, "path").replace(":path}", "}").replace(":id}", "}")  # noqa: B009
            found |= {f"{method} {path}" for method in getattr(route, "methods")}  # noqa: B009
    return found


def test_every_frame_and_route_has_a_row_and_no_other() -> None:
    frames = {f"WebSocket {kind}" for kind in TYPES} | {f"chat {kind}" for kind in CHAT}
    assert set(NEEDS) == frames | routes_of_the_app()


async def test_the_chat_knows_no_other_frames(address: str) -> None:
    bob = Browser(address, token("bob"), "bob")
    async with bob, bob.socket("/v1/chat/ws") as socket:
        for kind in (*TYPES - set(CHAT), "start", "join"):
            assert await told(socket, {"type": kind}) == "unknown_type"


async def test_the_document_names_no_other_routes(address: str) -> None:
    async with Browser(address, "", "") as nobody:
        document = (await nobody.http.get("/openapi.json")).json()
    described = {
        f"{method.upper()} {path}" for path, each in document["paths"].items() for method in each
    }
    assert described <= set(NEEDS)


def test_every_row_that_needs_a_grant_is_tried() -> None:
    assert set(ACTS) == {
        name for name, needs in NEEDS.items() if needs not in {"anyone", "everybody"}
    }


@pytest.mark.parametrize("name", sorted(ACTS))
async def test_an_act_needs_its_action_and_nothing_else(
    here: House, address: str, name: str
) -> None:
    act, action = _real(here, name), NEEDS[name]
    others = [each for each in ALL if each not in {action, act.also}]
    for grants in ({}, {act.on: others}, {f"{act.on.partition('.')[0]}.other": ALL}):
        assert await said(address, name, act, grants) in DENIED, grants
    for enough in (each for each in (action, act.also) if each):
        assert await said(address, name, act, {act.on: [enough]}) not in DENIED, enough


@pytest.mark.parametrize("name", sorted(name for name, needs in NEEDS.items() if needs == "anyone"))
async def test_what_anyone_may_is_denied_to_nobody_with_an_identity(
    here: House, address: str, name: str
) -> None:
    act = _real(here, name)
    if name == "WebSocket token":
        act = replace(act, body={"token": token("bob", {})})
    assert await said(address, name, act, {}) not in DENIED


async def test_only_what_is_for_everybody_is_for_nobody(here: House, address: str) -> None:
    refused = {name: await said(address, name, _real(here, name), None) for name in NEEDS}
    assert refused == {
        name: "" if needs == "everybody" else "unauthenticated" for name, needs in NEEDS.items()
    }


@pytest.mark.parametrize("path", ["/ws/bob", "/events/bob"])
async def test_the_client_id_is_the_tokens_own(address: str, path: str) -> None:
    async with Browser(address, token("eve"), "eve") as eve:
        if path.startswith("/ws/"):
            async with eve.socket(path) as socket:
                assert await told(socket, {"type": "ping"}) == "forbidden"
        else:
            assert await eve.ask("GET", path) == "forbidden"


def _real(here: House, name: str) -> Act:
    """Return what is said in a row, with the id of the answer that is there."""
    act = ACTS.get(name) or OPEN.get(name, Act())
    body = act.body and {
        key: here.stream_id if value == ID else value for key, value in act.body.items()
    }
    path = act.path or name.partition(" ")[2]
    for parameter, value in PARAMETERS.items():
        path = path.replace(parameter, value)
    path = path.replace("{stream_id}", here.stream_id)
    if name.endswith(("/channels/{name}", "/members/{client_id}", "/invitations")):
        path = path.replace("{name}", act.on)
    return replace(
        act,
        on=act.on.replace(ID, here.stream_id),
        body=body,
        path=path.replace("{name}", ORDERS),
    )


async def said(address: str, name: str, act: Act, grants: Grants | None) -> str:
    """Do it as bob with these grants, or as nobody; return the code of the refusal, or nothing."""
    door, _, what = name.partition(" ")
    async with Browser(address, "" if grants is None else token("bob", grants), "bob") as bob:
        if door not in {"WebSocket", "chat"}:
            return await bob.ask(door, act.path, act.body)
        async with bob.socket("/v1/chat/ws" if door == "chat" else "") as socket:
            return await told(socket, {"type": what, **(act.body or {})})


async def test_broadcast_comes_where_one_may_follow_it_and_harms_nobody_else(address: str) -> None:
    grants: Grants = {ORDERS: ["subscribe"]}
    async with Browser(address, token("bob", grants), "bob") as bob:
        assert await bob.follow(ORDERS) == ""
        assert await bob.follow(f"{ORDERS},broadcast") == "forbidden"
        assert await bob.follow("") == "forbidden", "the guide's own channels"
