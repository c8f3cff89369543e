"""What readers make of the bytes of each kind of connection."""

import pytest

from benchmarks.harness.measure import WrongCount
from benchmarks.harness.wire import Kind, Parser


def frame(payload: bytes, opcode: int = 1) -> bytes:
    size = len(payload)
    head = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")
    return bytes([128 | opcode]) + head + payload


def event(number: int, text: str = "") -> bytes:
    return b'{"type":"message","content":{"n":%d,"t":%d},"x":"%s"}' % (
        number,
        number * 10,
        text.encode(),
    )


def test_frames_are_counted_and_a_broken_last_one_waits() -> None:
    whole = frame(event(4)) + frame(event(5, "y" * 200))
    piece = Parser(Kind.WEBSOCKET).parse(whole + frame(event(6))[:7])
    assert (piece.first, piece.count, piece.length) == (4, 2, len(whole))
    assert piece.times == (40, 50)


@pytest.mark.parametrize("numbers", [(1, 3), (2, 2), (3, 2)])
def test_a_hole_a_duplicate_and_a_swap_are_found(numbers: tuple[int, int]) -> None:
    with pytest.raises(WrongCount):
        Parser(Kind.WEBSOCKET).parse(b"".join(frame(event(number)) for number in numbers))


def test_a_close_frame_is_no_quiet_end() -> None:
    with pytest.raises(WrongCount, match="closed"):
        Parser(Kind.WEBSOCKET).parse(frame(b"\x03\xf4draining", opcode=8))


def test_a_ping_is_answered_by_a_masked_pong() -> None:
    piece = Parser(Kind.WEBSOCKET).parse(frame(b"hi", opcode=9))
    assert piece.reply == b"\x8a\x82\0\0\0\0hi"
    assert piece.count == 0


def test_sse_blocks_are_counted_and_comments_are_not() -> None:
    data = b'event: connected\ndata: {}\n\n:\n\nid: c\ndata: {"n": 1, "t": 5}\n\nid: d\ndata: {"n"'
    piece = Parser(Kind.SSE).parse(data)
    assert (piece.ready, piece.first, piece.count) == (True, 1, 1)
    assert data[piece.length :] == b'id: d\ndata: {"n"'


def test_socketio_is_greeted_and_its_ping_answered() -> None:
    parser = Parser(Kind.SOCKETIO)
    assert parser.parse(frame(b'0{"sid":"a"}')).reply.endswith(b"40")
    assert parser.parse(frame(b"2")).reply.endswith(b"3")
    assert parser.parse(frame(b'42["message",{"type":"subscribed"}]')).ready
