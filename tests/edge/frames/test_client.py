"""Frames of clients: every type is read, everything wrong is answered with a code and the id."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.edge.errors import MEANINGS
from blackroad.edge.frames import client
from blackroad.edge.frames.client import BadFrame, decode

FRAMES: dict[str, dict[str, object]] = {
    "ping": {},
    "subscribe": {"room": "a"},
    "unsubscribe": {"room": "a"},
    "message": {"room": "a", "content": 1},
    "publish": {"room": "a", "content": 1, "event": "task.progress"},
    "history": {"room": "a"},
    "presence": {"room": "a"},
    "presence.update": {"status": "away"},
    "agent.invoke": {"agent": "ECHO", "input": "hi"},
    "cancel": {"stream_id": "st_1"},
    "input": {"stream_id": "st_1", "content": 1},
    "token": {"token": "x"},
}


def bad(data: bytes) -> BadFrame:
    frame = decode(data)
    assert isinstance(frame, BadFrame)
    return frame


@pytest.mark.parametrize("kind", FRAMES)
def test_every_frame_is_read_with_its_id(kind: str) -> None:
    frame = decode(json.dumps({"type": kind, "id": "7", **FRAMES[kind], "unknown": 1}).encode())
    assert not isinstance(frame, BadFrame)
    assert frame.id == "7"


def test_the_table_of_types_is_the_structs() -> None:
    assert set(FRAMES) == client.TYPES


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "zzz", "id": "7"}, "unknown_type"),
        ({"id": "7"}, "missing_field"),
        ({"type": "cancel", "id": "7"}, "missing_field"),
        ({"type": "publish", "room": "a", "content": 1, "id": "7"}, "missing_field"),
        ({"type": 5, "id": "7"}, "bad_frame"),
        ({"type": "subscribe", "room": 5, "id": "7"}, "bad_frame"),
        ({"type": "subscribe", "room": "a", "history": 301, "id": "7"}, "bad_frame"),
        ({"type": "subscribe", "rooms": [], "id": "7"}, "bad_frame"),
        ({"type": "subscribe", "rooms": ["a"] * 129, "id": "7"}, "bad_frame"),
        ({"type": "presence.update", "status": "offline", "id": "7"}, "bad_frame"),
    ],
)
def test_what_is_wrong_is_named_with_the_id(frame: dict[str, object], code: str) -> None:
    answer = bad(json.dumps(frame).encode())
    assert (answer.refusal.code, answer.request_id) == (code, "7")


def test_what_is_no_object_is_a_bad_frame() -> None:
    for data in (b"[]", b"1", b'"ping"', b"null"):
        assert bad(data).refusal.code == "bad_frame"


def test_an_id_beyond_128_characters_is_refused_and_not_echoed() -> None:
    answer = bad(json.dumps({"type": "ping", "id": "x" * 129}).encode())
    assert (answer.refusal.code, answer.request_id) == ("bad_frame", None)


@given(st.binary() | st.text().map(str.encode))
def test_no_bytes_raise(data: bytes) -> None:
    frame = decode(data)
    if isinstance(frame, BadFrame):
        assert frame.refusal.code in MEANINGS


def test_content_keeps_its_bytes() -> None:
    frame = decode(b'{"type":"message","room":"a","content":{"n": 12345678901234567890.10}}')
    assert isinstance(frame, client.Message)
    assert bytes(frame.content) == b'{"n": 12345678901234567890.10}'


def test_channel_is_accepted_for_room() -> None:
    frame = decode(b'{"type":"unsubscribe","channel":"a"}')
    assert isinstance(frame, client.Unsubscribe)
    assert frame.name == "a"
