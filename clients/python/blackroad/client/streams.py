"""The calls about answers that are kept: read one, list them, cancel one."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from blackroad.client.dial import Dial
from blackroad.client.parts import Snapshot
from blackroad.client.updates import read_snapshot
from blackroad.realtime.v1 import stream_pb2

_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer as it is kept; in a list without its parts. `end_time` is None in progress."""

    snapshot: Snapshot
    target: str
    invoker: str
    create_time: datetime
    end_time: datetime | None
    conversation: str
    viewers: int

    @property
    def stream_id(self) -> str:
        """The answer's id."""
        return self.snapshot.stream_id


class Streams:
    """Reads and cancels answers. Each call raises Rejected by the server's code, or Unavailable."""

    def __init__(self, dial: Dial, timeout_seconds: float) -> None:
        self._dial = dial
        self._timeout_seconds = timeout_seconds

    async def get(self, stream_id: str) -> Stream:
        """Read one answer in its folded form. Raises NotFound where it is not kept."""
        answer = await self._dial.unary(
            "StreamService/GetStream",
            stream_pb2.GetStreamRequest(stream_id=stream_id),
            stream_pb2.GetStreamResponse.FromString,
            self._timeout_seconds,
        )
        return _read(answer.answer)

    async def list(self, conversation: str = "") -> AsyncIterator[Stream]:
        """Give the answers that the caller may see, newest first, page by page."""
        request = stream_pb2.ListStreamsRequest(page_size=_PAGE, conversation=conversation)
        while True:
            page = await self._dial.unary(
                "StreamService/ListStreams",
                request,
                stream_pb2.ListStreamsResponse.FromString,
                self._timeout_seconds,
            )
            for answer in page.answers:
                yield _read(answer)
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return

    async def cancel(self, stream_id: str) -> Stream:
        """Cancel an answer; return it as it ended, or as it stands after 5 s. Idempotent."""
        answer = await self._dial.unary(
            "StreamService/CancelStream",
            stream_pb2.CancelStreamRequest(stream_id=stream_id),
            stream_pb2.CancelStreamResponse.FromString,
            self._timeout_seconds,
        )
        return _read(answer.answer)


def _read(answer: stream_pb2.Answer) -> Stream:
    target = answer.target
    return Stream(
        snapshot=read_snapshot(answer.snapshot),
        target=target.agent or target.capability or target.model,
        invoker=answer.invoker.subject,
        create_time=answer.create_time.ToDatetime(UTC),
        end_time=answer.end_time.ToDatetime(UTC) if answer.HasField("end_time") else None,
        conversation=answer.conversation,
        viewers=answer.viewers,
    )
