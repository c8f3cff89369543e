"""Bad input gets its code on its own door, the connection lives, and neighbours never notice."""

from collections.abc import Awaitable, Callable

import httpx
import pytest

from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2
from tests.conformance.conftest import Deployment
from tests.conformance.doors import Door, Session
from tests.conformance.grpc_door import GrpcDoor, GrpcSession
from tests.conformance.grpc_frames import called
from tests.conformance.neighbours import neighbours
from tests.conformance.records import Refused
from tests.conformance.sse_door import SseDoor
from tests.conformance.sse_frames import refusal
from tests.conformance.websocket_door import Frame, WebSocketDoor

Attempt = Callable[[Session, str], Awaitable[object]]
LONG = "x" * 70_000
COMMON: dict[str, tuple[str, Attempt]] = {
    "a bad character where publishing": ("invalid_name", lambda s, r: s.publish(f"{r}.a b", 1)),
    "a pattern where publishing": ("invalid_name", lambda s, r: s.publish(f"{r}.*", 1)),
    "a bad character where subscribing": ("invalid_name", lambda s, r: s.subscribe(f"{r}.ä")),
    "a name of 17 tokens": ("invalid_name", lambda s, _: s.publish(".".join("a" * 17), 1)),
    "a name of 256 bytes": ("invalid_name", lambda s, _: s.publish("a" * 256, 1)),
    "a 70 KB message": ("too_large", lambda s, r: s.publish(r, LONG)),
    "a 70 KB object": ("too_large", lambda s, r: s.publish(r, {"text": LONG})),
    "a newline in the type": ("invalid_name", lambda s, r: s.publish(r, 1, event="a\nb: c")),
    "a blank in the type": ("invalid_name", lambda s, r: s.publish(r, 1, event="a b")),
    "a type of 129 bytes": ("invalid_name", lambda s, r: s.publish(r, 1, event="a" * 129)),
    "a reserved type": ("reserved_type", lambda s, r: s.publish(r, 1, event="room.joined")),
    "a cursor from elsewhere": ("invalid_cursor", lambda s, r: s.subscribe(r, cursor="elsewhere")),
    "an agent's name that is none": ("invalid_name", lambda s, _: s.invoke("bad name", "hello")),
    "an unknown agent": ("no_agent", lambda s, _: s.invoke("NOBODY-OF-THIS-NAME", "hello")),
    "an unknown answer": (
        "not_found",
        lambda s, _: s.join("st_0190a1b2-0000-7000-8000-000000000000"),
    ),
    "an unknown answer to cancel": (
        "not_found",
        lambda s, _: s.cancel("st_0190a1b2-0000-7000-8000-000000000000"),
    ),
}


@pytest.mark.parametrize("what", COMMON)
async def test_bad_input_is_answered_and_nobody_else_notices(
    door: Door, doors: list[Door], room: str, what: str
) -> None:
    code, attempt = COMMON[what]
    async with neighbours(doors, room) as others, door.session("clumsy") as session:
        with pytest.raises(Refused) as refused:
            await attempt(session, room)
        assert refused.value.code == code
        await others.noticed_nothing()
        # The session lives: it can do the right thing now.
        await session.subscribe(f"{room}.mine")
        published = await session.publish(f"{room}.mine", "well done")
        assert (await session.inbox.event()).event_id == published.event_id


FRAMES = {
    "text that is not JSON": ("not json", "bad_frame"),
    "half of a frame": ('{"type": "ping"', "bad_frame"),
    "no object": ("[1]", "bad_frame"),
    "a number that is none": ('{"type": "message", "room": "a", "content": NaN}', "bad_frame"),
    "a key twice": ('{"type": "ping", "type": "ping"}', "bad_frame"),
    "a lone surrogate": ('{"type": "message", "room": "a", "content": "\\ud800"}', "bad_frame"),
    "too deep": (
        '{"type":"message","room":"a","content":' + "[" * 40 + "]" * 40 + "}",
        "bad_frame",
    ),
    "no type": ('{"room": "a"}', "missing_field"),
    "an unknown type": ('{"type": "shout", "room": "a"}', "unknown_type"),
    "a server's type": ('{"type": "welcome"}', "unknown_type"),
    "no room": ('{"type": "subscribe"}', "missing_field"),
    "no content": ('{"type": "message", "room": "a"}', "missing_field"),
    "no event": ('{"type": "publish", "room": "a", "content": 1}', "missing_field"),
    "no agent": ('{"type": "agent.invoke", "input": "a"}', "missing_field"),
    "no input": ('{"type": "agent.invoke", "agent": "ECHO"}', "missing_field"),
    "no stream": ('{"type": "cancel"}', "missing_field"),
    "a room that is a number": ('{"type": "subscribe", "room": 1}', "bad_frame"),
    "too much history": ('{"type": "subscribe", "room": "a", "history": 301}', "bad_frame"),
    "an empty type": (
        '{"type": "publish", "room": "a", "content": 1, "event": ""}',
        "invalid_name",
    ),
    "a room twice": ('{"type": "message", "room": "a", "channel": "b", "content": 1}', "bad_frame"),
    "a room beside rooms": ('{"type": "subscribe", "room": "a", "rooms": ["b"]}', "bad_frame"),
    "tools that are a number": (
        '{"type": "agent.invoke", "agent": "ECHO", "input": "a", "options": {"tools": 5}}',
        "bad_frame",
    ),
    "data that is not base64": ('{"type": "message", "room": "a", "data": "%"}', "bad_frame"),
}


@pytest.mark.parametrize("what", FRAMES)
async def test_a_bad_frame_on_the_websocket_is_answered(
    deployment: Deployment, doors: list[Door], room: str, what: str
) -> None:
    text, code = FRAMES[what]
    text = text.replace('"room": "a"', f'"room": "{room}"').replace(
        '"room":"a"', f'"room":"{room}"'
    )
    async with (
        neighbours(doors, room) as others,
        WebSocketDoor(deployment.http).session("clumsy") as session,
    ):
        await session.connection.send(text)
        await session.ask(Frame, type="ping")
        assert [frame.code for frame in session.frames if frame.type == "error"] == [code]
        await others.noticed_nothing()


async def test_the_error_names_the_request(deployment: Deployment) -> None:
    async with WebSocketDoor(deployment.http).session("clumsy") as session:
        with pytest.raises(Refused):
            await session.subscribe("a b")
        error = session.frames[-1]
    assert (error.type, error.id, error.room) == ("error", "r1", "a b")


@pytest.mark.parametrize(
    ("message", "close_code"),
    [(b"bytes", 4400), ("x" * (6 * 1024 * 1024 + 1), 1009)],
    ids=["binary", "too big"],
)
async def test_what_breaks_the_protocol_ends_that_socket_alone(
    deployment: Deployment, doors: list[Door], room: str, message: str | bytes, close_code: int
) -> None:
    async with (
        neighbours(doors, room) as others,
        WebSocketDoor(deployment.http).session("clumsy") as session,
    ):
        await session.connection.send(message)
        await session.inbox.closed()
        assert session.close_code == close_code
        await others.noticed_nothing()


REQUESTS = {
    "nothing set": (channel_pb2.ConnectRequest(), "unknown_type"),
    "no channel": (
        channel_pb2.ConnectRequest(subscribe=channel_pb2.Subscribe()),
        "missing_field",
    ),
    "nothing to publish": (
        channel_pb2.ConnectRequest(publish=channel_pb2.PublishRequest(channel="a")),
        "missing_field",
    ),
    "no body": (
        channel_pb2.ConnectRequest(
            publish=channel_pb2.PublishRequest(channel="a", events=[event_pb2.Draft()])
        ),
        "missing_field",
    ),
    "JSON that is none": (
        channel_pb2.ConnectRequest(
            publish=channel_pb2.PublishRequest(channel="a", events=[event_pb2.Draft(json="{")])
        ),
        "bad_frame",
    ),
    "too much history": (
        channel_pb2.ConnectRequest(subscribe=channel_pb2.Subscribe(channel="a", history=301)),
        "bad_frame",
    ),
}


@pytest.mark.parametrize("what", REQUESTS)
async def test_a_bad_frame_on_grpc_is_rejected(
    deployment: Deployment, doors: list[Door], room: str, what: str
) -> None:
    request, code = REQUESTS[what]
    async with neighbours(doors, room) as others, GrpcDoor(deployment.grpc).session() as session:
        with pytest.raises(Refused) as refused:
            await session.ask(request)
        assert refused.value.code == code
        await session.ask(channel_pb2.ConnectRequest(ping=common_pb2.Ping()))
        await others.noticed_nothing()


BODIES = {
    "text that is not JSON": (b"not json", 400, "bad_frame"),
    "no channel": (b'{"content": 1}', 400, "missing_field"),
    "no content": (b'{"channel": "a"}', 400, "missing_field"),
    "a number that is none": (b'{"channel": "a", "content": NaN}', 400, "bad_frame"),
    "a key twice": (b'{"channel": "a", "channel": "b", "content": 1}', 400, "bad_frame"),
    "a channel that is a number": (b'{"channel": 1, "content": 1}', 400, "bad_frame"),
    "a bad name": (b'{"channel": "a b", "content": 1}', 400, "invalid_name"),
    "a reserved type": (
        b'{"channel": "a", "content": 1, "event": "agent.response"}',
        *(400, "reserved_type"),
    ),
    "an empty type": (b'{"channel": "a", "content": 1, "event": ""}', 400, "invalid_name"),
    "a channel beside channels": (
        b'{"channel": "a", "channels": ["b"], "content": 1}',
        *(400, "bad_frame"),
    ),
    "70 KB": (b'{"channel": "a", "content": "%b"}' % LONG.encode(), 413, "too_large"),
    "more than 6 MiB": (b"[" + b" " * (6 * 1024 * 1024) + b"]", 413, "too_large"),
}


@pytest.mark.parametrize("what", BODIES)
async def test_a_bad_body_gets_a_problem_document(
    deployment: Deployment, doors: list[Door], room: str, what: str
) -> None:
    body, status, code = BODIES[what]
    body = body.replace(b'"channel": "a"', f'"channel": "{room}"'.encode())
    async with neighbours(doors, room) as others, SseDoor(deployment.http).session() as session:
        headers = {"Content-Type": "application/json"}
        response = await session.http.post("/v1/publish", content=body, headers=headers)
        assert (response.status_code, refusal(response).code) == (status, code)
        await others.noticed_nothing()


async def test_a_route_that_is_none_is_a_problem_document(deployment: Deployment) -> None:
    async with SseDoor(deployment.http).session() as session:
        response: httpx.Response = await session.http.get("/v1/nothing")
        assert (response.status_code, refusal(response).code) == (404, "not_found")


async def test_the_129th_subscription_is_refused_and_the_others_live(
    session_door: Door, doors: list[Door], room: str
) -> None:
    async with neighbours(doors, room) as others, session_door.session("greedy") as session:
        for number in range(128):
            await session.subscribe(f"{room}.{number}")
        with pytest.raises(Refused) as refused:
            await session.subscribe(f"{room}.128")
        assert refused.value.code == "too_many_subscriptions"
        published = await session.publish(f"{room}.127", "still there")
        assert (await session.inbox.event()).event_id == published.event_id
        await session.unsubscribe(f"{room}.0")
        await session.subscribe(f"{room}.128")
        await others.noticed_nothing()


async def test_an_sse_stream_of_too_many_channels_is_refused(
    deployment: Deployment, room: str
) -> None:
    async with SseDoor(deployment.http).session("greedy") as session:
        with pytest.raises(Refused) as refused:
            await session.subscribe(",".join(f"{room}.{number}" for number in range(129)))
        assert refused.value.code == "too_many_subscriptions"
        assert not refused.value.retryable


async def test_a_unary_call_with_bad_input_has_its_reason(deployment: Deployment) -> None:
    async with GrpcDoor(deployment.grpc).session() as session:
        await _is_refused(session, channel_pb2.PublishRequest(), "missing_field")
        draft = event_pb2.Draft(type="room.left", json="1")
        request = channel_pb2.PublishRequest(channel="a", events=[draft])
        await _is_refused(session, request, "reserved_type")


async def _is_refused(session: GrpcSession, request: channel_pb2.PublishRequest, code: str) -> None:
    with pytest.raises(Refused) as refused:
        await called(session.channels.Publish(request))
    assert refused.value.code == code


async def test_a_frame_after_a_bad_one_is_served(session_door: Door, room: str) -> None:
    async with session_door.session("clumsy") as session:
        await session.subscribe(room)
        for _ in range(20):
            with pytest.raises(Refused):
                await session.publish("a b", 1)
        published = await session.publish(room, "fine")
        assert (await session.inbox.event()).event_id == published.event_id
