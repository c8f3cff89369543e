"""How tests ask a model, and what a model is asked in them."""

from collections.abc import Sequence
from typing import Final

from blackroad.agents.models.patience import Patience
from blackroad.agents.models.text_model import ModelPart, TextModel
from blackroad.client import (
    Data,
    Media,
    Message,
    Options,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)

HURRY: Final = Patience(connect_seconds=5, first_token_seconds=0.3, silence_seconds=0.3)
CALM: Final = Patience(connect_seconds=5, first_token_seconds=10, silence_seconds=10)
WEATHER: Final = (
    '[{"type": "function", "function": {"name": "weather", "description": "of a place", '
    '"parameters": {"type": "object", "properties": {"place": {"type": "object", '
    '"properties": {"city": {"type": "string"}}}}}}}, {"name": "clock", "parameters": {}}]'
)
# Every role and every kind of part.
EVERYTHING: Final = (
    Message.of("system", "be brief"),
    Message(
        "user",
        (
            Text("look: "),
            Media("image", data=b"png", media_type="image/png"),
            Media("file", data=b"a,b", media_type="text/csv"),
            Data('{"n": 1}'),
        ),
    ),
    Message("assistant", (Text("I ask."), ToolCall("c1", "weather", '{"city": "Ulm"}'))),
    Message("tool", (ToolResult("c1", "rain"), ToolResult("c2", "no", is_error=True))),
    Message.of("user", "and now?"),
)


async def ask(
    model: TextModel,
    prompt: str | Sequence[Message] = "hi",
    options: Options | None = None,
    until: float | None = None,
) -> list[ModelPart]:
    """Return all parts of an answer but what it has cost so far."""
    messages = [Message.of("user", prompt)] if isinstance(prompt, str) else prompt
    parts = model.answer(messages, options or Options(), until)
    return [part async for part in parts if not isinstance(part, Usage)]
