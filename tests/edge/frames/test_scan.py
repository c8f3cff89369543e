"""What JSON is taken, and what is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.edge.errors import Refusal
from blackroad.edge.frames.scan import scan

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def refusal_of(data: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        scan(data)
    return caught.value


@given(JSON)
def test_what_json_writes_is_read(value: object) -> None:
    assert scan(json.dumps(value).encode(), max_depth=100) == value
    assert scan(json.dumps(value, ensure_ascii=False).encode(), max_depth=100) == value


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 2}}',
        b'"\\ud800"',
        b'{"\\uDFFF": 1}',
        b'"\xff"',
        b"\x00",
        b"[" * 33 + b"]" * 33,
        b"[" * 100_000,
        b"1" * 5000,
    ],
)
def test_what_is_not_taken_is_a_bad_frame(data: bytes) -> None:
    assert refusal_of(data).code == "bad_frame"


def test_depth_32_is_taken_and_brackets_in_strings_do_not_count() -> None:
    assert scan(b"[" * 32 + b"]" * 32)
    assert scan(json.dumps(["[{" * 1000, '\\"[' * 100]).encode())


def test_whole_surrogate_pairs_are_taken() -> None:
    assert scan(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_more_bytes_than_allowed_are_too_large() -> None:
    with pytest.raises(Refusal) as caught:
        scan(b'"12345"', max_bytes=6)
    assert caught.value.code == "too_large"
