"""Cursors round-trip, fit, and what is not one of ours is refused."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.errors import Code, Rejection
from blackroad.core.log.cursor import (
    MAX_CURSOR_CHARACTERS,
    DecodedCursor,
    Places,
    decode_cursor,
    encode_cursor,
    layout_number,
)
from blackroad.realtime.v1 import common_pb2

places = st.lists(
    st.tuples(st.integers(0, 2**43), st.integers(0, 2**53)), min_size=1, max_size=16
).map(tuple)


@given(places)
def test_a_cursor_says_what_was_put_in_and_fits(positions: Places) -> None:
    text = encode_cursor(positions)
    assert len(text) <= MAX_CURSOR_CHARACTERS
    assert text.isascii()
    assert decode_cursor(text) == (layout_number(len(positions)), positions)


def read(text: str) -> DecodedCursor | Code:
    """Return what a text says as a cursor, or the code with which it is refused."""
    try:
        return decode_cursor(text)
    except Rejection as refusal:
        return refusal.code


@given(st.text(max_size=300) | st.binary(max_size=60).map(lambda b: urlsafe_b64encode(b).decode()))
def test_any_text_is_a_whole_cursor_or_refused_with_its_code(text: str) -> None:
    answer = read(text)
    assert answer is Code.INVALID_CURSOR or (
        isinstance(answer, DecodedCursor) and len(answer.places) == answer.layout >> 4
    )


@pytest.mark.parametrize(
    "text", ["", "A", "!!!!", "ä", "x" * 257, encode_cursor(((1, 2),)) + "=", "AAAA"]
)
def test_these_are_no_cursors(text: str) -> None:
    with pytest.raises(Rejection) as caught:
        decode_cursor(text)
    assert caught.value.code is Code.INVALID_CURSOR


@pytest.mark.parametrize(
    ("layout", "epochs", "sequences"),
    [
        (layout_number(2), [1], [1]),
        (layout_number(1), [1, 2], [1]),
        (layout_number(1), [1], []),
        (0, [], []),
    ],
)
def test_a_cursor_must_be_whole(layout: int, epochs: list[int], sequences: list[int]) -> None:
    cursor = common_pb2.Cursor(layout=layout, epochs=epochs, sequences=sequences)
    with pytest.raises(Rejection):
        decode_cursor(urlsafe_b64encode(cursor.SerializeToString()).decode().rstrip("="))


def test_layouts_have_numbers_of_their_own() -> None:
    assert len({layout_number(count) for count in range(1, 17)}) == 16
