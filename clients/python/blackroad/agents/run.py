"""One answer of a model: within the caller's time, and with what it has cost however it ends."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from typing import Final

from blackroad.agents.models.patience import TimeUp
from blackroad.agents.models.text_model import TextModel
from blackroad.client import (
    AnswerFailed,
    Call,
    Finished,
    Message,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Yielded,
)

# An update of an answer is at most 64 KiB; a character is at most four bytes of it.
_MOST_CHARACTERS: Final = 15 << 10
_MOST_BYTES: Final = 60 << 10


async def run(model: TextModel, call: Call, messages: Sequence[Message]) -> AsyncGenerator[Yielded]:
    """Let a model answer a call.

    Usage is noted for whatever ending, not sent each time. The caller's `max_seconds` ends the
    answer by its length, its deadline fails it: both here too, for when the core is away.
    """
    options = call.options
    limit = options.max_time_seconds
    enough = None if limit is None else asyncio.get_running_loop().time() + limit
    until = min((time for time in (enough, call.deadline) if time is not None), default=None)
    try:
        # Closed at once, not when it is collected: this closes the provider's connection.
        async with aclosing(model.answer(messages, options, until)) as parts:
            async for part in parts:
                if isinstance(part, Usage):
                    call.usage = part
                else:
                    for piece in _pieces(part):
                        yield piece
    except TimeUp:
        if until != enough:
            text = "The model has not answered in time."
            raise AnswerFailed("deadline_exceeded", text, retryable=True) from None
        yield Finished("length", usage=call.usage)


def _pieces(part: Text | Thinking | ToolCall | Finished) -> Iterator[Yielded]:
    """Yield a part in pieces that each fit into an update."""
    match part:
        case Text(text) | Thinking(text) if len(text) > _MOST_CHARACTERS:
            for begin in range(0, len(text), _MOST_CHARACTERS):
                yield type(part)(text[begin : begin + _MOST_CHARACTERS])
        case ToolCall() if len(part.arguments.encode()) > _MOST_BYTES:
            raise AnswerFailed("model_error", f"The call of {part.name} is over 60 KiB.")
        case _:
            yield part
