"""The relay that most people write: FastAPI, a StreamingResponse and the provider's SDK."""

import json
from collections.abc import AsyncIterator

import ollama
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from benchmarks.answers.provider import MODEL
from benchmarks.harness.remote import Pipe, obey, run
from benchmarks.peers.broadcast import port_of, serving

# The tools that `ollama.AsyncClient.chat` takes have no full types.
# pyright: reportUnknownMemberType=false


class Chat(BaseModel):
    """What is asked."""

    prompt: str


def app(provider_port: int) -> FastAPI:
    """Return the relay to a provider."""
    made = FastAPI()
    client = ollama.AsyncClient(f"http://127.0.0.1:{provider_port}")

    async def tokens(prompt: str) -> AsyncIterator[str]:
        messages = [{"role": "user", "content": prompt}]
        async for part in await client.chat(MODEL, messages, stream=True):
            yield f"data: {json.dumps({'content': part.message.content, 'done': part.done})}\n\n"

    async def chat(asked: Chat) -> StreamingResponse:
        return StreamingResponse(tokens(asked.prompt), media_type="text/event-stream")

    made.add_api_route("/v1/chat/stream", chat, methods=["POST"])
    return made


def main(provider_port: int, pipe: Pipe) -> None:
    """Serve until the pipe ends; any order is answered by the port."""
    run(_serve(provider_port, pipe))


async def _serve(provider_port: int, pipe: Pipe) -> None:
    async with serving(app(provider_port)) as server:

        async def port(_: int) -> int:
            return port_of(server)

        await obey(pipe, port)
