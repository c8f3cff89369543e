"""A chat completion as it comes: one event for each update, then `[DONE]`."""

from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import UNSET

from blackroad.edge.chat.openai.calls import Numbered
from blackroad.edge.chat.openai.completion import (
    CalledFunction,
    CompletionCallDelta,
    CompletionChunk,
    CompletionChunkChoice,
    CompletionDelta,
    Head,
    failure_of,
    usage_of,
)
from blackroad.edge.chat.openai.errors import body_of
from blackroad.edge.chat.openai.request import CompletionRequest
from blackroad.edge.frames import sse
from blackroad.edge.frames.values import ENCODER
from blackroad.realtime.v1 import event_pb2

DONE: Final = b"data: [DONE]\n\n"


class StreamedCompletion:
    """Tells an answer in chunks. A failure is an event with `error`, as OpenAI sends it."""

    resumes = False

    def __init__(self, request: CompletionRequest) -> None:
        self._head = Head(request)
        self._usage_wanted = request.includes_usage
        self._begun = False
        self._said = False

    def tell(self, event: event_pb2.Event) -> bytes:
        """Return the chunks of an update."""
        self._head.note(event)
        return b"".join(self._blocks(event.answer))

    def _blocks(self, update: event_pb2.AnswerUpdate) -> Iterator[bytes]:
        match update.WhichOneof("update"):
            case "started":
                yield from self._begin()
            case "text_delta":
                self._said = True
                yield from self._add(CompletionDelta(content=update.text_delta))
            case "thinking_delta":
                yield from self._add(CompletionDelta(reasoning_content=update.thinking_delta))
            case "tool_call":
                yield from self._show(self._head.calls.take(update.tool_call))
            case "tool_result":
                self._head.calls.answer(update.tool_result)
            case "finished":
                yield from self._finish(update.finished)
            case "failed" | "cancelled":
                yield sse.block(ENCODER.encode(body_of(failure_of(update)))) + DONE
            case _:
                pass

    def _begin(self) -> Iterator[bytes]:
        if not self._begun:
            self._begun = True
            yield self._chunk(CompletionDelta(role="assistant", content=""))

    def _add(self, delta: CompletionDelta) -> Iterator[bytes]:
        yield from self._begin()
        yield self._chunk(delta)

    def _show(self, calls: Iterable[Numbered]) -> Iterator[bytes]:
        for index, call in calls:
            function = CalledFunction(call.name, call.arguments or "{}")
            yield from self._add(
                CompletionDelta(
                    tool_calls=[CompletionCallDelta(call.tool_call_id, function, index=index)]
                )
            )

    def _finish(self, finished: event_pb2.AnswerFinished) -> Iterator[bytes]:
        yield from self._begin()
        if finished.output and not self._said:
            yield self._chunk(CompletionDelta(content=finished.output))
        yield from self._show(self._head.calls.rest())
        yield self._chunk(CompletionDelta(), self._head.finish_reason(finished))
        if self._usage_wanted:
            last = self._of([])
            last.usage = usage_of(finished.usage)
            yield sse.block(ENCODER.encode(last))
        yield DONE

    def _chunk(self, delta: CompletionDelta, finish_reason: str | None = None) -> bytes:
        return sse.block(ENCODER.encode(self._of([CompletionChunkChoice(delta, finish_reason)])))

    def _of(self, choices: list[CompletionChunkChoice]) -> CompletionChunk:
        head = self._head
        usage = None if self._usage_wanted else UNSET
        return CompletionChunk(head.id, head.created, head.model, choices, usage)
