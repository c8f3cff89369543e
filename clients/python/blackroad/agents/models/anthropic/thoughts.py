"""The thinking behind tool calls, which Anthropic wants back, signed, with the tools' results."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from blackroad.client import JSONValue

Block = dict[str, JSONValue]

_MOST_TURNS: Final = 1024
_MOST_CHARACTERS: Final = 8 << 20


class Thoughts:
    """Blocks of thinking by the tool calls of their turn; the oldest go first.

    The protocol's messages have no place for them, and nobody else needs them. One that is not
    here any more (another process, long ago) is left out, and that turn goes on without thinking.
    """

    def __init__(self) -> None:
        self._turns: OrderedDict[str, tuple[Block, ...]] = OrderedDict()
        self._characters = 0

    def keep(self, tool_call_ids: Sequence[str], blocks: Sequence[Block]) -> None:
        """Keep the blocks of one turn under the first of its calls."""
        if not tool_call_ids or not blocks:
            return
        self._forget(tool_call_ids[0])
        self._turns[tool_call_ids[0]] = tuple(blocks)
        self._characters += _size(blocks)
        while len(self._turns) > _MOST_TURNS or self._characters > _MOST_CHARACTERS:
            self._forget(next(iter(self._turns)))

    def of(self, tool_call_id: str) -> tuple[Block, ...]:
        """Return the blocks of the turn whose first call this is; none where it is not known."""
        return self._turns.get(tool_call_id, ())

    def _forget(self, tool_call_id: str) -> None:
        self._characters -= _size(self._turns.pop(tool_call_id, ()))


def _size(blocks: Sequence[Block]) -> int:
    return sum(len(text) for block in blocks for text in block.values() if isinstance(text, str))
