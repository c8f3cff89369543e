"""Events as JSON, whole and content only."""

import json

from blackroad.edge import rendering
from blackroad.edge.frames.event import content_json, event_json
from blackroad.realtime.v1 import common_pb2, event_pb2


def event(**fields: str) -> event_pb2.Event:
    made = event_pb2.Event(
        id="ev_1",
        channel="lobby",
        type="message",
        sender="alice",
        sender_kind=common_pb2.ENTITY_KIND_USER,
        sender_session="se_1",
        offset=7,
        cursor="c",
    )
    made.create_time.FromJsonString("2030-01-31T12:00:00.0129Z")
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_a_whole_event_has_the_protocols_names() -> None:
    assert json.loads(event_json(event(json='{"x": [1]}'))) == {
        "type": "message",
        "room": "lobby",
        "content": {"x": [1]},
        "from": "alice",
        "from_kind": "user",
        "from_session": "se_1",
        "timestamp": "2030-01-31T12:00:00.012Z",
        "event_id": "ev_1",
        "offset": 7,
        "cursor": "c",
    }


def test_falsy_contents_are_shown() -> None:
    for text in ("null", "0", "false", "[]", '""'):
        assert json.loads(event_json(event(json=text)))["content"] == json.loads(text)
    assert json.loads(event_json(event(text="")))["content"] == ""


def test_bytes_are_base64() -> None:
    made = event()
    made.data = b"\x00\xff"
    assert json.loads(event_json(made))["data"] == "AP8="
    assert json.loads(content_json(made)) == {"data": "AP8="}


def test_who_comes_and_goes_is_flat() -> None:
    made = event(
        type="room.joined",
        channel="presence.channel.lobby",
        json='{"room":"lobby","client_id":"bob","member_count":2}',
    )
    shown = json.loads(event_json(made))
    assert (shown["type"], shown["room"], shown["client_id"], shown["member_count"]) == (
        "room.joined",
        "lobby",
        "bob",
        2,
    )
    assert "content" not in shown


def test_no_content_can_forge_a_block() -> None:
    made = event(json='{\n"a":\r\n 1}')
    for form in (rendering.SSE, rendering.SSE_FULL, rendering.SSE_UNNAMED):
        block = rendering.render(made, form, "")
        assert b"\r" not in block
        assert block.endswith(b"\n\n")
        assert b"\n\n" not in block[:-2]
    text = rendering.render(event(text="x\n\nevent: alert\ndata: 1"), rendering.SSE, "")
    assert text == b'id: c\nevent: message\ndata: "x\\n\\nevent: alert\\ndata: 1"\n\n'


def test_an_unnamed_block_is_the_whole_event_without_a_name() -> None:
    block = rendering.render(event(text="x"), rendering.SSE_UNNAMED, "")
    assert b"event:" not in block
    assert b'"type":"message"' in block


def test_an_answers_statuses_are_words() -> None:
    made = event(channel="stream.st_1", type="agent.response")
    made.answer.index = 3
    made.answer.tool_call.name = "f"
    made.answer.tool_call.arguments = '{"a": 1}'
    shown = json.loads(event_json(made, "mine"))
    assert (shown["type"], shown["status"], shown["id"]) == ("agent.response", "tool_call", "mine")
    assert (shown["stream_id"], shown["index"], shown["cursor"]) == ("st_1", 3, "c")
    assert shown["arguments"] == {"a": 1}


def test_what_a_worker_says_cannot_break_a_frame() -> None:
    made = event(channel="stream.st_1", type="agent.response")
    made.answer.tool_call.arguments = '{"a": '
    assert json.loads(event_json(made))["arguments"] == '{"a": '
