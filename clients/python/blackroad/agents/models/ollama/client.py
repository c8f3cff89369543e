"""Ollama's SDK, with the two of its calls that stream; imported when used."""

import uuid
from collections.abc import AsyncGenerator, AsyncIterator

import ollama
import orjson

from blackroad.agents.models.ollama.piece import Piece
from blackroad.agents.models.ollama.request import Prompt
from blackroad.client import Text, Thinking, ToolCall

Response = ollama.ChatResponse | ollama.GenerateResponse


# The SDK's `_request` and `_client`, which its own calls are made of, have no full types.
# pyright: reportUnknownMemberType=false


class OllamaClient(ollama.AsyncClient):
    """An AsyncClient that passes on all of a tool's JSON schema.

    The SDK's own type of a tool leaves out what lies deeper than one level.
    """

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Piece]:
        """Yield an answer, by `generate` for a lone prompt, else by `chat`.

        Closing it closes the connection. Raises what the SDK raises.
        """
        responses = await (self._generate(prompt) if prompt.alone else self._chat(prompt))
        try:
            async for response in responses:
                yield _piece(response)
        finally:
            if isinstance(responses, AsyncGenerator):
                await responses.aclose()

    async def _generate(self, prompt: Prompt) -> AsyncIterator[Response]:
        kind, body = ollama.GenerateResponse, prompt.request | {"stream": True}
        return await self._request(kind, "POST", "/api/generate", json=body, stream=True)

    async def _chat(self, prompt: Prompt) -> AsyncIterator[Response]:
        kind, body = ollama.ChatResponse, prompt.request | {"stream": True}
        return await self._request(kind, "POST", "/api/chat", json=body, stream=True)

    async def hang_up(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def _piece(response: Response) -> Piece:
    """Return what a response says: thinking before text before tool calls."""
    if isinstance(response, ollama.GenerateResponse):
        thinking, text, calls = response.thinking, response.response, None
    else:
        said = response.message
        thinking, text, calls = said.thinking, said.content, said.tool_calls
    parts: list[Thinking | Text | ToolCall] = []
    if thinking:
        parts.append(Thinking(thinking))
    if text:
        parts.append(Text(text))
    parts += map(_call, calls or ())
    return Piece(
        tuple(parts),
        done=bool(response.done),
        cut=response.done_reason == "length",
        input_tokens=response.prompt_eval_count or 0,
        output_tokens=response.eval_count or 0,
    )


def _call(call: ollama.Message.ToolCall) -> ToolCall:
    """Return a call; Ollama's have no ids of their own that its SDK would tell."""
    arguments = orjson.dumps(dict(call.function.arguments)).decode()
    return ToolCall(f"call_{uuid.uuid4().hex}", call.function.name, arguments)
