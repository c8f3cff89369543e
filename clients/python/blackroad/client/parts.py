"""What an answer is made of: what an agent yields, and what a caller receives."""

from dataclasses import dataclass
from typing import Literal

AnswerState = Literal["queued", "running", "waiting", "finished", "failed", "cancelled"]
FinishReason = Literal["stop", "length", "tool_calls"]


@dataclass(frozen=True, slots=True)
class Text:
    """More of the answer's text. An agent may yield a plain string instead."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """More of the model's thinking."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool is to be run; `arguments` is a JSON object as text."""

    tool_call_id: str
    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool has run."""

    tool_call_id: str
    content: str
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of the input, and of the output so far."""

    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the answer is, 0 to 100 percent."""

    percent: float
    message: str = ""


@dataclass(frozen=True, slots=True)
class Queued:
    """All workers are busy; the place in the queue counts from 1."""

    position: int


@dataclass(frozen=True, slots=True)
class Started:
    """A worker took the invocation; `attempt` is 1 for the first, one more for a replacement."""

    agent: str
    model: str = ""
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class InputRequired:
    """The answer waits for an input; `schema` is a JSON schema as text, or empty."""

    prompt: str
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Input:
    """An input was given; `json` is JSON as text."""

    json: str
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Finished:
    """Ending: the answer is complete. An agent may yield it last, to say more than that it ended.

    `output` is the structured result as JSON text, where one was asked for.
    """

    reason: FinishReason = "stop"
    output: str = ""
    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Ending: the answer was cancelled."""

    usage: Usage | None = None


@dataclass(frozen=True, slots=True)
class Gap:
    """Events are missing here: load the state anew. What follows begins at `cursor`.

    `reason` is `expired`, `epoch_changed` or `not_kept`; `channel` is the subscription.
    """

    channel: str
    reason: str
    cursor: str = ""


Folded = Text | Thinking | ToolCall | ToolResult | InputRequired | Input


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An answer as it stands: what a late viewer gets in place of all parts before."""

    stream_id: str
    state: AnswerState
    parts: tuple[Folded, ...] = ()
    agent: str = ""
    model: str = ""
    attempt: int = 0
    usage: Usage | None = None
    progress: Progress | None = None
    cursor: str = ""
    ending: Finished | Cancelled | None = None

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))


# What an agent yields.
Yielded = str | Text | Thinking | ToolCall | ToolResult | Usage | Progress | Finished

# What a caller or viewer receives.
Part = (
    Text
    | Thinking
    | ToolCall
    | ToolResult
    | Usage
    | Progress
    | Queued
    | Started
    | InputRequired
    | Input
    | Snapshot
    | Gap
    | Finished
    | Cancelled
)
