"""The unary calls of StreamService: what each checks, does and answers."""

from collections.abc import Sequence
from typing import Final

import msgspec

from blackroad.core.identity.identity import Identity
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.answers import Answers
from blackroad.core.stream.archive import same
from blackroad.core.stream.targets import offers
from blackroad.realtime.v1 import event_pb2, stream_pb2

_ENCODE = msgspec.msgpack.encode
PAGE: Final = 50
MAX_PAGE: Final = 500
CONFIRM_SECONDS: Final = 5.5  # a worker's time to confirm a cancel, and a little more


class StreamCalls:
    """Answers each call from what this node knows, and what it asks of others."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        answers.abroad.fleet.asks.handlers["answer.list"] = self._asked_to_list

    async def get_stream(
        self, identity: Identity, request: stream_pb2.GetStreamRequest
    ) -> stream_pb2.GetStreamResponse:
        """Return one answer in its folded form; NOT_FOUND, FORBIDDEN."""
        await self._answers.locate(identity, request.stream_id)
        answer = self._answers.archive.viewed(identity, request.stream_id)
        return stream_pb2.GetStreamResponse(answer=self._message(answer))

    async def list_streams(
        self, identity: Identity, request: stream_pb2.ListStreamsRequest
    ) -> stream_pb2.ListStreamsResponse:
        """Return a page of the answers that the identity may see, newest first.

        A page's token is its last id.
        """
        pages = [self._listed(identity, request)]
        abroad = self._answers.abroad
        if not abroad.alone:
            question = _ENCODE((identity, request.SerializeToString()))
            asks = abroad.fleet.asks
            answers = await asks.ask_each(abroad.fleet.others, "answer.list", question)
            pages += map(stream_pb2.ListStreamsResponse.FromString, answers)
        return _merged(pages, min(request.page_size or PAGE, MAX_PAGE))

    async def _asked_to_list(self, question: bytes) -> bytes:
        identity, request = msgspec.msgpack.decode(question, type=tuple[Identity, bytes])
        asked = stream_pb2.ListStreamsRequest.FromString(request)
        return self._listed(identity, asked).SerializeToString()

    def _listed(
        self, identity: Identity, request: stream_pb2.ListStreamsRequest
    ) -> stream_pb2.ListStreamsResponse:
        """Return a page of what this node holds, or has seen the end of."""
        size = min(request.page_size or PAGE, MAX_PAGE)
        page: list[Answer] = []
        for answer in self._answers.archive.visible(identity, request.labels):
            if request.page_token and answer.stream_id >= request.page_token:
                continue
            if not _matches(answer, request) or (answer.home and not answer.ended):
                continue
            if request.own and not same(identity, answer.invoker):
                continue
            if len(page) == size:
                return self._page(page, page[-1].stream_id)
            page.append(answer)
        return self._page(page, "")

    async def cancel_stream(
        self, identity: Identity, request: stream_pb2.CancelStreamRequest
    ) -> stream_pb2.CancelStreamResponse:
        """Cancel an answer and return it as it ended.

        Or as it stands, when the worker has not confirmed in time.
        """
        await self._answers.locate(identity, request.stream_id)
        answer = self._answers.archive.managed(identity, request.stream_id)
        self._answers.dispatcher.cancel(answer)
        await self._answers.ended(answer, CONFIRM_SECONDS)
        return stream_pb2.CancelStreamResponse(answer=self._message(answer))

    async def list_targets(
        self, identity: Identity, request: stream_pb2.ListTargetsRequest
    ) -> stream_pb2.ListTargetsResponse:
        """Return a page of who can be asked now."""
        size = min(request.page_size or PAGE, MAX_PAGE)
        pools = self._answers.dispatcher.pool, self._answers.abroad.pool
        served = offers((worker for pool in pools for worker in pool.all()), identity)
        rest = [offer for offer in served if offer.page_token > request.page_token]
        more = len(rest) > size
        return stream_pb2.ListTargetsResponse(
            targets=[offer.target for offer in rest[:size]],
            next_page_token=rest[size - 1].page_token if more else "",
        )

    def _page(self, page: list[Answer], token: str) -> stream_pb2.ListStreamsResponse:
        messages = [self._message(answer, parts=False) for answer in page]
        return stream_pb2.ListStreamsResponse(answers=messages, next_page_token=token)

    def _message(self, answer: Answer, *, parts: bool = True) -> stream_pb2.Answer:
        cursor = self._answers.cursor_of(answer)
        message = stream_pb2.Answer(
            snapshot=answer.folded.snapshot(answer.stream_id, cursor, parts=parts),
            target=answer.route.target,
            invoker=answer.invoker.wire,
            conversation=answer.conversation,
            viewers=answer.viewers_count,
            labels=answer.labels,
        )
        message.create_time.FromNanoseconds(answer.created_ns)
        if answer.folded.ended:
            message.end_time.FromNanoseconds(answer.ended_ns)
        return message


def _merged(
    pages: Sequence[stream_pb2.ListStreamsResponse], size: int
) -> stream_pb2.ListStreamsResponse:
    """Return the newest of several nodes' pages, each answer once, the first page's before."""
    if len(pages) == 1:
        return pages[0]
    found = {one.snapshot.stream_id: one for page in reversed(pages) for one in page.answers}
    newest = sorted(found, reverse=True)
    more = len(newest) > size or any(page.next_page_token for page in pages)
    return stream_pb2.ListStreamsResponse(
        answers=[found[stream_id] for stream_id in newest[:size]],
        next_page_token=newest[size - 1] if more else "",
    )


def _matches(answer: Answer, request: stream_pb2.ListStreamsRequest) -> bool:
    if request.state != event_pb2.ANSWER_STATE_UNSPECIFIED and answer.folded.state != request.state:
        return False
    return not request.conversation or answer.conversation == request.conversation
