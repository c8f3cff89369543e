"""What the core's frames and failures say, in the common records."""

import json
from base64 import b64encode
from collections.abc import Awaitable
from typing import Final, TypeVar

import grpc

# The wheel of google.rpc ships stubs, but no py.typed.
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from blackroad.realtime.v1 import (
    common_pb2,
    event_pb2,
    stream_pb2,
)
from tests.conformance.doors import soon
from tests.conformance.records import Event, Refused, Update

T = TypeVar("T")
DETAILS: Final = "grpc-status-details-bin"


async def called(call: Awaitable[T]) -> T:
    """Await a unary call; raise Refused where it fails."""
    try:
        return await soon(call)
    except grpc.aio.AioRpcError as error:
        raise refusal(error) from None


def refusal(error: grpc.aio.AioRpcError) -> Refused:
    """Return what a failed call says; without an ErrorInfo its status."""
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS and isinstance(value, bytes):
            for detail in status_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return Refused(info.reason.lower())
    return Refused(f"status {error.code().name}")


def rejection(rejected: common_pb2.Rejected) -> Refused:
    """Return what a Rejected frame says."""
    return Refused(code_of(rejected.code), rejected.retryable)


def code_of(code: common_pb2.ErrorCode.ValueType) -> str:
    """Return a code as the browser protocol spells it."""
    name = common_pb2.ErrorCode.Name(code).removeprefix("ERROR_CODE_").lower()
    return "" if name == "unspecified" else name


def gap_of(reason: event_pb2.GapReason.ValueType) -> str:
    """Return a reason as the browser protocol spells it."""
    return event_pb2.GapReason.Name(reason).removeprefix("GAP_REASON_").lower()


def event_of(event: event_pb2.Event) -> Event:
    """Return an event as the common record."""
    content: object
    match event.WhichOneof("body"):
        case "text":
            content = event.text
        case "json":
            content = json.loads(event.json)
        case "data":
            content = {"data": b64encode(event.data).decode()}
        case _:
            content = None
    return Event(
        event.id, event.channel, event.type, event.sender, content, event.offset, event.cursor
    )


def update_of(update: event_pb2.AnswerUpdate, cursor: str) -> Update:
    """Return one update of an answer as the common record."""
    match update.WhichOneof("update"):
        case "text_delta":
            return Update("streaming", update.text_delta, cursor)
        case "thinking_delta":
            return Update("thinking", update.thinking_delta, cursor)
        case other:
            return Update(other or "", "", cursor)


def step_of(frame: stream_pb2.OpenResponse) -> Update:
    """Return a frame of Open that is one step of an answer as the common record."""
    match frame.WhichOneof("frame"):
        case "snapshot":
            text = "".join(part.text for part in frame.snapshot.parts)
            return Update("snapshot", text, frame.cursor)
        case "failed":
            return Update("failed", "", frame.cursor, code_of(frame.failed.code))
        case "finished":
            tokens = frame.finished.usage.output_tokens
            return Update("finished", "", frame.cursor, "", tokens)
        case "cancelled":
            tokens = frame.cancelled.usage.output_tokens
            return Update("cancelled", "", frame.cursor, "", tokens)
        case other:
            return Update(other or "", "", frame.cursor)
