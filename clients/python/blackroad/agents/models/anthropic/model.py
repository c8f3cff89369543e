"""An Anthropic model: its message stream, as typed parts."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from blackroad.agents.models.anthropic.events import Error, Event
from blackroad.agents.models.anthropic.reply import Reply
from blackroad.agents.models.anthropic.request import PROVIDER, request_of
from blackroad.agents.models.anthropic.thoughts import Block, Thoughts
from blackroad.agents.models.failures import cut_off, malformed
from blackroad.agents.models.patience import Patience, patiently, read_out
from blackroad.agents.models.text_model import ModelPart
from blackroad.agents.models.wishes import finished
from blackroad.client import Finished, Message, Options

if TYPE_CHECKING:
    from blackroad.agents.models.anthropic.client import AnthropicClient


@dataclass(frozen=True, slots=True)
class Manner:
    """What the settings say of all its models."""

    patience: Patience
    max_tokens: int
    thinking_tokens: int


class AnthropicModel:
    """One model; its thinking behind tool calls is kept for the turn with their results."""

    def __init__(
        self,
        name: str,
        client: "Callable[[], Awaitable[AnthropicClient]]",
        manner: Manner,
        thoughts: Thoughts,
    ) -> None:
        self._name = name
        self._client = client
        self._manner = manner
        self._thoughts = thoughts

    async def answer(
        self, messages: Sequence[Message], options: Options, until: float | None = None
    ) -> AsyncGenerator[ModelPart]:
        """Answer; see TextModel."""
        request = request_of(
            messages,
            options,
            self._thoughts,
            max_tokens=self._manner.max_tokens,
            thinking_tokens=self._manner.thinking_tokens,
        )
        reply = Reply()
        events = patiently(PROVIDER, self._events(request), self._manner.patience, until)
        async with aclosing(events):
            async for event in events:
                part = reply.take(event)
                if part is not None:
                    yield part
                yield reply.usage
                if reply.ended:
                    await read_out(events)
                    yield self._finished(reply, options)
                    return
        raise cut_off(PROVIDER) if reply.begun else malformed(PROVIDER)

    def _finished(self, reply: Reply, options: Options) -> Finished:
        self._thoughts.keep(reply.tool_call_ids, reply.thinking)
        return finished(reply.reason, reply.text, options, reply.usage)

    async def _events(self, request: Block) -> AsyncGenerator[Event]:
        """Yield the events; raise AnswerFailed for what the SDK raises and for `error`."""
        begun = False
        client = await self._client()
        from blackroad.agents.models.anthropic.failures import PROBLEMS, failure, told

        try:
            async with aclosing(client.stream(self._name, request)) as events:
                async for event in events:
                    begun = True
                    if isinstance(event, Error):
                        raise told(self._name, event.error.type, event.error.message)
                    yield event
        except PROBLEMS as error:
            raise failure(self._name, error, begun=begun) from None
