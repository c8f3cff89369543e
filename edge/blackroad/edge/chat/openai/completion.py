"""A chat completion: the documents, and what an answer becomes in them."""

import time
from collections.abc import Iterator

from msgspec import UNSET, Struct, UnsetType

from blackroad.edge.chat.models import DEFAULT_MODEL
from blackroad.edge.chat.openai.calls import Calls, Numbered
from blackroad.edge.chat.openai.request import CompletionRequest
from blackroad.edge.errors import Refusal, from_failed
from blackroad.edge.frames import words
from blackroad.realtime.v1 import event_pb2


class CalledFunction(Struct):
    """Which function is to be called; `arguments` is JSON as text."""

    name: str
    arguments: str


class CompletionCall(Struct):
    """A tool call."""

    id: str
    function: CalledFunction
    type: str = "function"


class CompletionCallDelta(CompletionCall, omit_defaults=False, kw_only=True):
    """A tool call in a stream: always whole, with its number."""

    index: int


class CompletionDelta(Struct, omit_defaults=True):
    """What a chunk adds."""

    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[CompletionCallDelta] | UnsetType = UNSET


class CompletionChunkChoice(Struct):
    """The one choice, in a chunk."""

    delta: CompletionDelta
    finish_reason: str | None = None
    index: int = 0
    logprobs: None = None


class CompletionUsage(Struct):
    """Tokens counted."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class CompletionChunk(Struct):
    """One event of a streamed completion."""

    id: str
    created: int
    model: str
    choices: list[CompletionChunkChoice]
    usage: CompletionUsage | UnsetType | None = UNSET
    object: str = "chat.completion.chunk"


class CompletionMessage(Struct):
    """What the assistant said."""

    content: str | None
    role: str = "assistant"
    refusal: None = None
    reasoning_content: str | UnsetType = UNSET
    tool_calls: list[CompletionCall] | UnsetType = UNSET


class CompletionChoice(Struct):
    """The one choice."""

    message: CompletionMessage
    finish_reason: str
    index: int = 0
    logprobs: None = None


class Completion(Struct):
    """A whole completion."""

    id: str
    created: int
    model: str
    choices: list[CompletionChoice]
    usage: CompletionUsage
    object: str = "chat.completion"


class Head:
    """What all documents of a completion share, and how an answer's end is read."""

    def __init__(self, request: CompletionRequest) -> None:
        self.id = ""
        self.created = int(time.time())
        self.model = request.model
        self.calls = Calls(request.own_tools)

    def note(self, event: event_pb2.Event) -> None:
        """Note which answer it is, and who answers where nobody was named."""
        self.id = self.id or f"chatcmpl-{event.channel.removeprefix('stream.')}"
        if self.model == DEFAULT_MODEL and event.answer.HasField("started"):
            started = event.answer.started
            self.model = started.model or started.agent or DEFAULT_MODEL

    def finish_reason(self, finished: event_pb2.AnswerFinished) -> str:
        """Return why it ended. Ask after `calls.rest()`."""
        reason = words.FINISHES.get(finished.reason, "stop")
        return "tool_calls" if reason == "stop" and self.calls.shown else reason


def usage_of(usage: event_pb2.Usage) -> CompletionUsage:
    """Return the counted tokens."""
    used, made = usage.input_tokens, usage.output_tokens
    return CompletionUsage(used, made, used + made)


def failure_of(update: event_pb2.AnswerUpdate) -> Refusal:
    """Return why an answer has no proper end."""
    if update.HasField("cancelled"):
        return Refusal("cancelled", "the answer was cancelled")
    return from_failed(update.failed)


class WholeCompletion:
    """Gathers an answer; `document` is the completion when it has ended."""

    resumes = False

    def __init__(self, request: CompletionRequest) -> None:
        self._head = Head(request)
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._calls: list[CompletionCall] = []
        self._ending: event_pb2.AnswerUpdate | None = None

    def tell(self, event: event_pb2.Event) -> bytes:
        """Gather an update."""
        update = event.answer
        self._head.note(event)
        match update.WhichOneof("update"):
            case "text_delta":
                self._text.append(update.text_delta)
            case "thinking_delta":
                self._thinking.append(update.thinking_delta)
            case "tool_call":
                self._show(self._head.calls.take(update.tool_call))
            case "tool_result":
                self._head.calls.answer(update.tool_result)
            case "finished" | "failed" | "cancelled":
                self._ending = update
            case _:
                pass
        return b""

    def _show(self, calls: Iterator[Numbered]) -> None:
        for _, call in calls:
            function = CalledFunction(call.name, call.arguments or "{}")
            self._calls.append(CompletionCall(call.tool_call_id, function))

    def document(self) -> Completion:
        """Return the completion; Refusal where the answer has failed or was cut off."""
        if self._ending is None:
            raise Refusal("unavailable")
        if not self._ending.HasField("finished"):
            raise failure_of(self._ending)
        finished = self._ending.finished
        self._show(self._head.calls.rest())
        text = "".join(self._text) or finished.output
        thinking = "".join(self._thinking)
        message = CompletionMessage(
            text if text or not self._calls else None,
            reasoning_content=thinking or UNSET,
            tool_calls=self._calls or UNSET,
        )
        choice = CompletionChoice(message, self._head.finish_reason(finished))
        head, usage = self._head, usage_of(finished.usage)
        return Completion(head.id, head.created, head.model, [choice], usage)
