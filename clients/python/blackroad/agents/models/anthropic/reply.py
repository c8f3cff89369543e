"""One reply of Anthropic's as it comes: its events, folded into parts, usage and an ending."""

from typing import Final

from blackroad.agents.models.anthropic import events
from blackroad.agents.models.anthropic.request import PROVIDER
from blackroad.agents.models.anthropic.thoughts import Block
from blackroad.agents.models.failures import malformed, refused
from blackroad.client import Text, Thinking, ToolCall, Usage
from blackroad.client.parts import FinishReason

_REASONS: Final[dict[str, FinishReason]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}


class Reply:
    """What has come so far.

    `usage` counts all input, that of the cache too; until the end, a delta of output counts as one
    token, which is never too many.
    """

    def __init__(self) -> None:
        self.begun = False
        self.ended = False
        self.stop_reason = ""
        self.tool_call_ids: list[str] = []
        self.thinking: list[Block] = []
        self._open: dict[int, events.Block] = {}
        self._json: dict[int, list[str]] = {}
        self._said: list[str] = []
        self._tokens: dict[str, int] = {}
        self._deltas = 0

    @property
    def text(self) -> str:
        """All its text."""
        return "".join(self._said)

    @property
    def usage(self) -> Usage:
        """The tokens so far."""
        tokens = self._tokens
        counted = tokens.get("output_tokens", 0)
        return Usage(
            tokens.get("input_tokens", 0)
            + tokens.get("cache_creation_input_tokens", 0)
            + tokens.get("cache_read_input_tokens", 0),
            counted if self.stop_reason else max(counted, self._deltas),
        )

    @property
    def reason(self) -> FinishReason:
        """Why it ended. Raises AnswerFailed where the model refused to answer."""
        if self.stop_reason == "refusal":
            raise refused(PROVIDER, "stopped the answer for its contents")
        return _REASONS.get(self.stop_reason, "stop")

    def take(self, event: events.Event) -> Text | Thinking | ToolCall | None:
        """Take an event, and return the part that it completes or is."""
        match event:
            case events.MessageStart():
                self.begun = True
                self._count(event.message.usage)
            case events.BlockStart():
                return self._opened(event.index, event.content_block)
            case events.BlockDelta():
                return self._more(event.index, event.delta)
            case events.BlockStop():
                return self._closed(event.index)
            case events.MessageDelta():
                self.stop_reason = event.delta.stop_reason or self.stop_reason
                self._count(event.usage)
            case events.MessageStop():
                self.ended = True
            case _:
                pass
        return None

    def _count(self, tokens: events.Tokens) -> None:
        for name in tokens.__struct_fields__:
            count: int | None = getattr(tokens, name)
            if count is not None:
                self._tokens[name] = count

    def _opened(self, index: int, block: events.Block) -> Text | Thinking | None:
        self._open[index] = block
        self._json[index] = []
        return self._spoken(block.text, block.thinking)

    def _more(self, index: int, delta: events.Delta) -> Text | Thinking | None:
        block = self._open.get(index)
        if block is None:
            raise malformed(PROVIDER)
        self._deltas += 1
        block.thinking += delta.thinking
        block.signature += delta.signature
        self._json[index].append(delta.partial_json)
        return self._spoken(delta.text, delta.thinking)

    def _spoken(self, text: str, thinking: str) -> Text | Thinking | None:
        if text:
            self._said.append(text)
            return Text(text)
        return Thinking(thinking) if thinking else None

    def _closed(self, index: int) -> ToolCall | None:
        """Take the end of a block: a call is whole now, and thinking is signed."""
        block = self._open.pop(index, None)
        arguments = "".join(self._json.pop(index, ()))
        match block:
            case events.Block(type="tool_use"):
                self.tool_call_ids.append(block.id)
                return ToolCall(block.id, block.name, arguments or "{}")
            case events.Block(type="thinking"):
                text, signature = block.thinking, block.signature
                self.thinking.append({"type": "thinking", "thinking": text, "signature": signature})
            case events.Block(type="redacted_thinking"):
                self.thinking.append({"type": "redacted_thinking", "data": block.data})
            case _:
                pass
        return None
