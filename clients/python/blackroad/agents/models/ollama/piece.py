"""One piece of an answer, the same for both of Ollama's calls."""

from dataclasses import dataclass

from blackroad.client import Text, Thinking, ToolCall


@dataclass(frozen=True, slots=True)
class Piece:
    """What one line of the stream says; the last one is `done`, and counts the tokens."""

    parts: tuple[Thinking | Text | ToolCall, ...]
    done: bool = False
    cut: bool = False
    input_tokens: int = 0
    output_tokens: int = 0
