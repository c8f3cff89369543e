"""The tool calls of an answer that are the caller's to run."""

from collections.abc import Iterator

from blackroad.realtime.v1 import event_pb2

Numbered = tuple[int, event_pb2.ToolCall]


class Calls:
    """Tells the caller's tool calls from those that an agent runs itself.

    A call of a tool that the caller named is shown at once. Any other is the agent's own, unless
    the answer ends without its result.
    """

    def __init__(self, own_tools: frozenset[str]) -> None:
        self._own_tools = own_tools
        self._held: dict[str, event_pb2.ToolCall] = {}
        self.shown = 0

    def take(self, call: event_pb2.ToolCall) -> Iterator[Numbered]:
        """Yield a call that is to be shown now, with its number."""
        if call.name in self._own_tools:
            yield self._number(call)
        else:
            self._held[call.tool_call_id] = call

    def answer(self, result: event_pb2.ToolResult) -> None:
        """Note that a call was run."""
        self._held.pop(result.tool_call_id, None)

    def rest(self) -> Iterator[Numbered]:
        """Yield the calls that nobody has run, when the answer is complete."""
        held, self._held = self._held, {}
        for call in held.values():
            yield self._number(call)

    def _number(self, call: event_pb2.ToolCall) -> Numbered:
        self.shown += 1
        return self.shown - 1, call
