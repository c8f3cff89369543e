"""The edge's table of codes is the contract's list."""

from blackroad.edge.errors import MEANINGS, Refusal, code_of, from_rejected
from blackroad.edge.frames.server import encode, error_of
from blackroad.realtime.v1 import common_pb2


def test_the_table_has_every_code_and_no_other() -> None:
    names = (
        name.removeprefix("ERROR_CODE_").lower() for name in dict(common_pb2.ErrorCode.items())
    )
    assert set(names) - {"unspecified"} == set(MEANINGS)


def test_every_code_has_its_word() -> None:
    for name, value in common_pb2.ErrorCode.items():
        if value:
            assert code_of(value) == name.removeprefix("ERROR_CODE_").lower()


def test_a_code_that_is_not_known_is_internal() -> None:
    assert code_of(common_pb2.ERROR_CODE_UNSPECIFIED) == "internal"
    assert code_of(common_pb2.ErrorCode.ValueType(999)) == "internal"


def test_a_rejection_keeps_what_it_says() -> None:
    rejected = common_pb2.Rejected(
        code=common_pb2.ERROR_CODE_RATE_LIMITED, message="slow down", retryable=True, channel="a"
    )
    rejected.retry_after.FromMilliseconds(1500)
    refusal = from_rejected(rejected)
    assert (refusal.code, refusal.retry_after_seconds, refusal.channel) == (
        "rate_limited",
        1.5,
        "a",
    )


def test_rate_limited_carries_the_guides_fields_too() -> None:
    shown = encode(error_of(Refusal("rate_limited", retry_after_seconds=2.0), "7"))
    assert b'"error":"rate_limited"' in shown
    assert b'"retry_after":2.0' in shown
    assert b"retry_after" not in encode(error_of(Refusal("forbidden"), "7"))
