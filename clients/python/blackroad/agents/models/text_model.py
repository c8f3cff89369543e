"""What every model, and every provider of models, is to the agent host."""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from blackroad.client import Finished, Message, Options, Text, Thinking, ToolCall, Usage

ModelPart = Text | Thinking | ToolCall | Usage | Finished


class TextModel(Protocol):
    """Answers messages with a stream of typed parts."""

    def answer(
        self, messages: Sequence[Message], options: Options, until: float | None = None
    ) -> AsyncGenerator[ModelPart]:
        """Yield text, thinking and tool calls, Usage as often as it is known, then Finished.

        Usage is not told to viewers at once: it is what a cancelled answer is known to have cost.
        Being cancelled closes the connection to the provider. Raises AnswerFailed with a public
        text: model_unavailable, model_overloaded, model_not_found, model_error; and TimeUp at
        `until`, a time of the event loop's clock.
        """
        ...


class Provider(Protocol):
    """Makes models of names, and knows whether it can be reached."""

    def model(self, name: str) -> TextModel:
        """Return the model of a name without the provider's prefix. Never blocks.

        Raises AnswerFailed: model_not_found, or model_unavailable where it is not configured.
        """
        ...

    async def models(self) -> list[str] | None:
        """Return the names that it lists; None where it does not answer or is not configured."""
        ...

    async def close(self) -> None:
        """Close its idle connections. Idempotent."""
        ...
