"""The table of codes is whole, and agrees with the contract."""

import pytest

from blackroad.core.errors import MEANINGS, Code, CodedError, Ending, Rejection
from blackroad.realtime.v1 import common_pb2

# The names of gRPC's status codes; the domain itself does not know grpc.
STATUSES = {
    "INVALID_ARGUMENT",
    "UNAUTHENTICATED",
    "PERMISSION_DENIED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "ABORTED",
    "CANCELLED",
    "RESOURCE_EXHAUSTED",
    "UNAVAILABLE",
    "DEADLINE_EXCEEDED",
    "INTERNAL",
    "UNKNOWN",
    "UNIMPLEMENTED",
}


def test_codes_are_those_of_the_proto_with_its_numbers() -> None:
    proto = {
        name.removeprefix("ERROR_CODE_"): number
        for name, number in common_pb2.ErrorCode.items()
        if number
    }
    assert {code.name: code.value for code in Code} == proto


@pytest.mark.parametrize("code", Code)
def test_every_code_has_a_meaning(code: Code) -> None:
    meaning = MEANINGS[code]
    assert meaning.status in STATUSES
    assert meaning.text
    assert meaning.text[0].islower()
    assert common_pb2.ErrorCode.Name(code.wire) == f"ERROR_CODE_{code.name}"


def test_every_status_is_used() -> None:
    assert {meaning.status for meaning in MEANINGS.values()} == STATUSES


@pytest.mark.parametrize("kind", [Rejection, Ending])
def test_an_error_says_its_code_and_public_text(kind: type[CodedError]) -> None:
    error = kind(Code.RATE_LIMITED, retry_after_seconds=1.5, channel="room.a")
    assert error.message == MEANINGS[Code.RATE_LIMITED].text
    assert error.retryable
    assert (error.retry_after_seconds, error.channel) == (1.5, "room.a")
    assert str(error) == "RATE_LIMITED: too many requests"
    assert kind(Code.FORBIDDEN, "not you").message == "not you"
    assert not kind(Code.FORBIDDEN).retryable


def test_a_rejection_is_no_ending() -> None:
    assert not issubclass(Rejection, Ending)
    assert not issubclass(Ending, Rejection)
