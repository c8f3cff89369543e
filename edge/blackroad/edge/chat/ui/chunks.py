"""The chunks of the UI message stream, version 1, as the AI SDK reads them."""

from msgspec import UNSET, Raw, Struct, UnsetType


class UiChunk(Struct, tag_field="type", rename="camel", omit_defaults=True):
    """What all chunks are."""


class UiUsage(Struct, rename="camel"):
    """Tokens counted."""

    input_tokens: int
    output_tokens: int
    total_tokens: int


class UiFailure(Struct, rename="camel", omit_defaults=True):
    """Why the answer failed, for programs; people read the error's text."""

    code: str
    retryable: bool
    retry_after_seconds: float | UnsetType = UNSET


class UiMetadata(Struct, rename="camel", omit_defaults=True):
    """What is known of the answer besides what it says: the message's metadata."""

    stream_id: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    usage: UiUsage | UnsetType = UNSET
    output: Raw | str | UnsetType = UNSET
    failure: UiFailure | UnsetType = UNSET


class Start(UiChunk, tag="start"):
    """The message begins."""

    message_id: str
    message_metadata: UiMetadata


class StartStep(UiChunk, tag="start-step"):
    """A step begins."""


class FinishStep(UiChunk, tag="finish-step"):
    """A step is over."""


class Part(UiChunk):
    """A part of text or reasoning."""

    id: str


class TextStart(Part, tag="text-start"):
    """Text begins."""


class TextDelta(Part, tag="text-delta"):
    """More of it."""

    delta: str


class TextEnd(Part, tag="text-end"):
    """It is complete."""


class ReasoningStart(Part, tag="reasoning-start"):
    """Reasoning begins."""


class ReasoningDelta(Part, tag="reasoning-delta"):
    """More of it."""

    delta: str


class ReasoningEnd(Part, tag="reasoning-end"):
    """It is complete."""


class ToolInputStart(UiChunk, tag="tool-input-start"):
    """A tool is called."""

    tool_call_id: str
    tool_name: str


class ToolInputAvailable(UiChunk, tag="tool-input-available"):
    """With these arguments."""

    tool_call_id: str
    tool_name: str
    input: Raw


class ToolInputError(UiChunk, tag="tool-input-error"):
    """With arguments that are no JSON."""

    tool_call_id: str
    tool_name: str
    input: str
    error_text: str


class ToolOutputAvailable(UiChunk, tag="tool-output-available"):
    """It has returned."""

    tool_call_id: str
    output: Raw | str


class ToolOutputError(UiChunk, tag="tool-output-error"):
    """It has failed."""

    tool_call_id: str
    error_text: str


class Queued(Struct):
    """All workers are busy: the place in the queue, from 1."""

    position: int


class DataQueued(UiChunk, tag="data-queued"):
    """For `onData`; no part of the message."""

    data: Queued
    transient: bool


class Progress(Struct):
    """How far the answer is, 0 to 100."""

    percent: float
    message: str


class DataProgress(UiChunk, tag="data-progress"):
    """For `onData`; no part of the message."""

    data: Progress
    transient: bool


class Question(Struct, rename="camel", omit_defaults=True):
    """What is asked, and once it was given, the input."""

    stream_id: str
    prompt: str
    schema: Raw | str | UnsetType = UNSET
    input: Raw | str | UnsetType = UNSET


class DataInputRequired(UiChunk, tag="data-input-required"):
    """The answer waits for an input; again, with the same id, when it was given."""

    id: str
    data: Question


class MessageMetadata(UiChunk, tag="message-metadata"):
    """What is known of an answer that has no proper end."""

    message_metadata: UiMetadata


class Finish(UiChunk, tag="finish"):
    """The answer is complete."""

    finish_reason: str
    message_metadata: UiMetadata


class Error(UiChunk, tag="error"):
    """The answer has failed."""

    error_text: str


class Abort(UiChunk, tag="abort"):
    """The answer was cancelled."""

    reason: str
