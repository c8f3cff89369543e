"""What every model is to the agent host."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from blackroad.client import Finished, Message, Options, Text, Thinking, ToolCall, Usage

ModelPart = Text | Thinking | ToolCall | Usage | Finished


class TextModel(Protocol):
    """Answers messages with a stream of typed parts."""

    def answer(self, messages: Sequence[Message], options: Options) -> AsyncIterator[ModelPart]:
        """Yield text, thinking and tool calls, Usage as often as it is known, then Finished.

        Usage is not told to viewers at once: it is what a cancelled answer is known to have cost.
        Being cancelled closes the connection to the provider. Raises AnswerFailed with a public
        text: model_unavailable, model_overloaded, model_not_found, model_error.
        """
        ...
