"""The frames of `Open` that scripts answer with."""

from blackroad.client import (
    Client,
    Part,
)
from blackroad.realtime.v1 import event_pb2, stream_pb2

STARTED = event_pb2.AnswerStarted(agent="A", model="m", attempt=1)


FINISHED = event_pb2.AnswerFinished(
    reason=event_pb2.FINISH_REASON_STOP, usage=event_pb2.Usage(input_tokens=1, output_tokens=2)
)


def started(request: stream_pb2.OpenRequest, stream_id: str = "s1") -> stream_pb2.OpenResponse:
    return stream_pb2.OpenResponse(
        request_id=request.request_id, stream_id=stream_id, cursor="c0", started=STARTED
    )


def delta(
    request: stream_pb2.OpenRequest, offset: int, text: str, stream_id: str = "s1"
) -> stream_pb2.OpenResponse:
    event = event_pb2.Event(
        offset=offset, cursor=f"c{offset}", answer=event_pb2.AnswerUpdate(text_delta=text)
    )
    return stream_pb2.OpenResponse(
        request_id=request.request_id,
        stream_id=stream_id,
        delivery=event_pb2.Delivery(events=[event]),
    )


def finished(request: stream_pb2.OpenRequest, stream_id: str = "s1") -> stream_pb2.OpenResponse:
    return stream_pb2.OpenResponse(
        request_id=request.request_id, stream_id=stream_id, cursor="c9", finished=FINISHED
    )


async def collect(url: str) -> list[Part]:
    async with Client(url) as client:
        return [part async for part in client.invoke("A", "hi")]
