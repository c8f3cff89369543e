"""An answer as a UI message stream."""

from collections.abc import Iterator
from typing import Final

from msgspec import UNSET, Raw

from blackroad.edge.chat.ui import chunks
from blackroad.edge.chat.ui.chunks import UiChunk, UiFailure, UiMetadata, UiUsage
from blackroad.edge.errors import from_failed
from blackroad.edge.frames import sse, words
from blackroad.edge.frames.answer import CHANNEL_PREFIX
from blackroad.edge.frames.values import ENCODER, json_of, optional_json
from blackroad.realtime.v1 import event_pb2

DONE: Final = b"data: [DONE]\n\n"
PARTS: Final = {
    "text": (chunks.TextStart, chunks.TextDelta, chunks.TextEnd),
    "reasoning": (chunks.ReasoningStart, chunks.ReasoningDelta, chunks.ReasoningEnd),
}


class UiStream:
    """Tells an answer in chunks.

    The message begins with the first update, a part with its first delta, and what follows a tool's
    result is a step of its own.
    `message_id` is the message that the answer goes on with; a new one has the answer's id.
    """

    resumes = True

    def __init__(self, message_id: str = "") -> None:
        self._message_id = message_id
        self._metadata = UiMetadata()
        self._open = ""
        self._part = 0
        self._questions = 0
        self._question = chunks.Question("", "")
        self._returned = False
        self._called: set[str] = set()

    def tell(self, event: event_pb2.Event) -> bytes:
        """Return the chunks of an update, and after an ending `[DONE]`."""
        blocks = [sse.block(ENCODER.encode(chunk)) for chunk in self._chunks(event)]
        if event.answer.WhichOneof("update") in {"finished", "failed", "cancelled"}:
            blocks.append(DONE)
        return b"".join(blocks)

    def _chunks(self, event: event_pb2.Event) -> Iterator[UiChunk]:
        update = event.answer
        if self._metadata.stream_id is UNSET:
            yield from self._begin(event.channel.removeprefix(CHANNEL_PREFIX))
        match update.WhichOneof("update"):
            case "text_delta":
                yield from self._say("text", update.text_delta)
            case "thinking_delta":
                yield from self._say("reasoning", update.thinking_delta)
            case "tool_call":
                yield from self._call(update.tool_call)
            case "tool_result":
                yield from self._return(update.tool_result)
            case "finished" | "failed" | "cancelled":
                yield from self._close()
                yield from self._end(update)
            case _:
                yield from self._step(update)

    def _begin(self, stream_id: str) -> Iterator[UiChunk]:
        self._metadata.stream_id = stream_id
        yield chunks.Start(self._message_id or stream_id, UiMetadata(stream_id))
        yield chunks.StartStep()

    def _say(self, kind: str, delta: str) -> Iterator[UiChunk]:
        start, more, _ = PARTS[kind]
        if self._open != kind:
            yield from self._close()
            yield from self._next_step()
            self._part += 1
            self._open = kind
            yield start(self._part_id)
        yield more(self._part_id, delta)

    def _close(self) -> Iterator[UiChunk]:
        if self._open:
            _, _, end = PARTS[self._open]
            yield end(self._part_id)
            self._open = ""

    @property
    def _part_id(self) -> str:
        return f"{self._open}-{self._part}"

    def _next_step(self) -> Iterator[UiChunk]:
        if self._returned:
            self._returned = False
            yield chunks.FinishStep()
            yield chunks.StartStep()

    def _call(self, call: event_pb2.ToolCall) -> Iterator[UiChunk]:
        yield from self._close()
        yield from self._next_step()
        self._called.add(call.tool_call_id)
        arguments = json_of(call.arguments or "{}")
        yield chunks.ToolInputStart(call.tool_call_id, call.name)
        if isinstance(arguments, Raw):
            yield chunks.ToolInputAvailable(call.tool_call_id, call.name, arguments)
        else:
            text = "the arguments are not JSON"
            yield chunks.ToolInputError(call.tool_call_id, call.name, arguments, text)

    def _return(self, result: event_pb2.ToolResult) -> Iterator[UiChunk]:
        yield from self._close()
        if result.tool_call_id not in self._called:  # a result alone breaks the reader
            yield from self._call(event_pb2.ToolCall(tool_call_id=result.tool_call_id, name="tool"))
        self._returned = True
        if result.is_error:
            yield chunks.ToolOutputError(result.tool_call_id, result.content)
            return
        document = result.content[:1] in {"{", "["}
        output = json_of(result.content) if document else result.content
        yield chunks.ToolOutputAvailable(result.tool_call_id, output)

    def _step(self, update: event_pb2.AnswerUpdate) -> Iterator[UiChunk]:
        match update.WhichOneof("update"):
            case "started":
                self._metadata.agent = update.started.agent or UNSET
                self._metadata.model = update.started.model or UNSET
            case "usage":
                self._metadata.usage = _usage(update.usage)
            case "queued":
                yield chunks.DataQueued(chunks.Queued(update.queued.position), True)
            case "progress":
                progress = chunks.Progress(update.progress.percent, update.progress.message)
                yield chunks.DataProgress(progress, True)
            case "input_required":
                yield from self._ask(update.input_required)
            case "input":
                self._question.input = json_of(update.input.json)
                yield chunks.DataInputRequired(f"input-{self._questions}", self._question)
            case _:
                pass

    def _ask(self, asked: event_pb2.AnswerInputRequired) -> Iterator[UiChunk]:
        yield from self._close()
        self._questions += 1
        stream_id = self._metadata.stream_id or ""
        schema = optional_json(asked.schema)
        self._question = chunks.Question(stream_id, asked.prompt, schema)
        yield chunks.DataInputRequired(f"input-{self._questions}", self._question)

    def _end(self, update: event_pb2.AnswerUpdate) -> Iterator[UiChunk]:
        metadata = self._metadata
        match update.WhichOneof("update"):
            case "finished":
                finished = update.finished
                metadata.usage = _usage(finished.usage)
                metadata.output = optional_json(finished.output)
                reason = words.FINISHES.get(finished.reason, "stop").replace("_", "-")
                yield chunks.FinishStep()
                yield chunks.Finish(reason, metadata)
            case "failed":
                metadata.failure = _failure(update.failed)
                yield from self._account(update.failed)
                yield chunks.Error(update.failed.message or "the answer failed")
            case _:
                yield from self._account(update.cancelled)
                yield chunks.Abort("cancelled")

    def _account(
        self, ending: event_pb2.AnswerFailed | event_pb2.AnswerCancelled
    ) -> Iterator[UiChunk]:
        if ending.HasField("usage"):
            self._metadata.usage = _usage(ending.usage)
        yield chunks.MessageMetadata(self._metadata)


def _failure(failed: event_pb2.AnswerFailed) -> UiFailure:
    refusal = from_failed(failed)
    seconds = refusal.retry_after_seconds
    return UiFailure(refusal.code, refusal.retryable, UNSET if seconds is None else seconds)


def _usage(usage: event_pb2.Usage) -> UiUsage:
    used, made = usage.input_tokens, usage.output_tokens
    return UiUsage(used, made, used + made)
