"""Whatever comes in: every parser takes it or refuses it in its own words, and never raises."""

import asyncio
import json
from itertools import pairwise
from typing import Final, TypeAlias

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blackroad.core.errors import Code, Rejection
from blackroad.core.json_text import check_json
from blackroad.core.log.cursor import decode_cursor
from blackroad.core.names import check_name, check_pattern, check_type
from blackroad.core.topics import Topics
from blackroad.edge.errors import MEANINGS
from blackroad.edge.frames import client
from blackroad.edge.transport import Socket, Transport
from tests.edge.transport.rig import Peer
from tests.edge.transport.test_inbox import Wire
from tests.effort import examples
from tests.hostile.target import Target

FRAMES: Final[tuple[dict[str, object], ...]] = (
    {"type": "subscribe", "room": "r", "cursor": "abc", "history": 3, "presence": True},
    {"type": "subscribe", "rooms": ["a", {"room": "b", "cursor": "c"}]},
    {"type": "message", "room": "r", "content": {"a": [1, None, "x"]}, "id": "1", "headers": {}},
    {"type": "publish", "room": "r", "event": "task.progress", "data": "AAAA"},
    {"type": "history", "room": "r", "limit": 5, "before": 7},
    {"type": "agent.invoke", "agent": "ECHO", "input": [{"role": "user", "parts": []}]},
    {"type": "presence.update", "status": "away", "metadata": {}},
)
FIELDS: Final = sorted({field for frame in FRAMES for field in frame})
VALUES: Final = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
UNARY: Final = (
    "ChannelService/Publish",
    "ChannelService/CreateChannel",
    "ChannelService/UpdateChannel",
    "ChannelService/ListEvents",
    "PresenceService/ListPresence",
    "StreamService/ListStreams",
    "StreamService/GetStream",
    "AdminService/ListSessions",
    "AdminService/Explain",
)
Call: TypeAlias = "grpc.UnaryUnaryMultiCallable[bytes, bytes]"
FAULTS: Final = {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL}


def read(payload: bytes) -> None:
    """Decode a frame; what is wrong with it has a code of the table."""
    found = client.decode(payload, 1 << 20, 32)
    if isinstance(found, client.BadFrame):
        assert found.refusal.code in MEANINGS


@given(st.binary(max_size=300))
def test_a_frame_of_any_bytes_is_decoded_or_refused(payload: bytes) -> None:
    read(payload)


@given(st.sampled_from(FRAMES), st.dictionaries(st.sampled_from(FIELDS), VALUES))
def test_a_frame_with_any_values_is_decoded_or_refused(
    frame: dict[str, object], changed: dict[str, object]
) -> None:
    read(json.dumps(frame | changed).encode())


@given(st.sampled_from(FRAMES), st.integers(0, 200), st.binary(max_size=4))
def test_a_frame_that_is_broken_anywhere_is_decoded_or_refused(
    frame: dict[str, object], at: int, broken: bytes
) -> None:
    whole = json.dumps(frame).encode()
    read(whole[:at] + broken + whole[at + len(broken) :])


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z.*>~:_-]{0,40}", fullmatch=True))
def test_a_name_and_a_pattern_are_taken_as_they_are_or_refused(text: str) -> None:
    for check in (check_name, check_pattern, check_type):
        try:
            checked = check(text)
        except Rejection:
            continue
        assert len(checked.encode()) <= 255
        topics: Topics[str] = Topics()
        topics.add(checked, "follower")
        assert list(topics.match(text.replace("*", "x").replace(">", "x.y"))) in (["follower"], [])


@given(st.text(max_size=300) | st.from_regex(r"[A-Za-z0-9_-]{0,80}", fullmatch=True))
def test_a_cursor_is_decoded_or_refused(text: str) -> None:
    try:
        decoded = decode_cursor(text)
    except Rejection as rejection:
        code = rejection.code
    else:
        code = Code.INVALID_CURSOR
        assert all(place >= 0 for places in decoded.places for place in places)
    assert code is Code.INVALID_CURSOR


@given(st.text(max_size=200) | VALUES.map(json.dumps))
def test_json_of_a_service_is_valid_or_refused(text: str) -> None:
    try:
        check_json(text)
    except Rejection as rejection:
        code = rejection.code
    else:
        code = Code.BAD_FRAME
        json.loads(text)
    assert code is Code.BAD_FRAME


class Deaf(Wire):
    """One that can also be ended."""

    def can_write_eof(self) -> bool:
        return False

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Do nothing: who is at the other end is not there."""

    abort = pause_reading = resume_reading = close


def ended(pieces: list[bytes], *, deflates: bool) -> list[int]:
    """Return how a socket ended that took these bytes."""

    async def feed() -> list[int]:
        peer = Peer()
        socket = Socket(Transport(), Deaf(), peer, deflates=deflates)
        peer.outlet = socket
        for piece in pieces:
            socket.data_received(piece)
        socket.abort()
        return peer.codes

    return asyncio.run(feed())


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return the pieces."""
    places = sorted({min(place, len(data)) for place in cuts} | {0, len(data)})
    return [data[begin:end] for begin, end in pairwise(places)]


@settings(deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=5), st.booleans())
def test_a_socket_takes_any_bytes_and_ends_at_most_once(
    data: bytes, cuts: list[int], deflates: bool
) -> None:
    assert len(ended(cut(data, cuts), deflates=deflates)) == 1


@pytest.mark.examples
@pytest.mark.slow
@pytest.mark.parametrize("method", UNARY)
def test_a_message_of_any_bytes_is_no_fault_of_the_core(target: Target, method: str) -> None:
    path = f"/blackroad.realtime.v1.{method}"
    with grpc.insecure_channel(target.grpc) as channel:
        call: Call = channel.unary_unary(path)

        @settings(max_examples=examples(150), deadline=None)
        @given(st.binary(max_size=120))
        def send(payload: bytes) -> None:
            answer = call.future(payload, timeout=5)
            answer.exception()
            assert answer.code() not in FAULTS

        send()
    target.check_alive()
