"""An Ollama model: its stream of pieces, as typed parts."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING

from blackroad.agents.models.failures import cut_off
from blackroad.agents.models.ollama.piece import Piece
from blackroad.agents.models.ollama.request import PROVIDER, Prompt, prompt_of
from blackroad.agents.models.patience import Patience, patiently, read_out
from blackroad.agents.models.text_model import ModelPart
from blackroad.agents.models.wishes import finished
from blackroad.client import Finished, Message, Options, Text, ToolCall, Usage

if TYPE_CHECKING:
    from blackroad.agents.models.ollama.client import OllamaClient


class OllamaModel:
    """One model of one Ollama.

    Ollama counts its tokens only at the end: until then a piece is one token of output, and those
    of the input are not known.
    """

    def __init__(
        self,
        name: str,
        client: "Callable[[], Awaitable[OllamaClient]]",
        patience: Patience,
        max_tokens: int,
    ) -> None:
        self._name = name
        self._client = client
        self._patience = patience
        self._max_tokens = max_tokens

    async def answer(
        self, messages: Sequence[Message], options: Options, until: float | None = None
    ) -> AsyncGenerator[ModelPart]:
        """Answer; see TextModel."""
        prompt = prompt_of(self._name, messages, options, self._max_tokens)
        pieces = patiently(PROVIDER, self._pieces(prompt), self._patience, until)
        said: list[str] = []
        called = False
        count = 0
        async with aclosing(pieces):
            async for piece in pieces:
                for part in piece.parts:
                    if isinstance(part, Text):
                        said.append(part.text)
                    called = called or isinstance(part, ToolCall)
                    yield part
                if piece.done:
                    await read_out(pieces)
                    usage = Usage(piece.input_tokens, piece.output_tokens or count)
                    yield usage
                    yield _finished(piece, "".join(said), options, usage, called=called)
                    return
                count += 1
                yield Usage(0, count)
        raise cut_off(PROVIDER)

    async def _pieces(self, prompt: Prompt) -> AsyncGenerator[Piece]:
        """Yield what the SDK yields; raise AnswerFailed for what it raises."""
        begun = False
        client = await self._client()
        from blackroad.agents.models.ollama.failures import PROBLEMS, failure

        try:
            async with aclosing(client.stream(prompt)) as pieces:
                async for piece in pieces:
                    begun = True
                    yield piece
        except PROBLEMS as error:
            raise failure(self._name, error, begun=begun) from None


def _finished(piece: Piece, text: str, options: Options, usage: Usage, *, called: bool) -> Finished:
    if called:
        return Finished("tool_calls", usage=usage)
    return finished("length" if piece.cut else "stop", text, options, usage)
