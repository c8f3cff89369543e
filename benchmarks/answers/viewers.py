"""A process of viewers: raw HTTP for every server, and both SDKs where they are measured."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Final

import ollama
import orjson

from benchmarks.answers.order import View, Viewed, Way
from benchmarks.answers.provider import MODEL, prompt_of
from benchmarks.answers.text import Text
from benchmarks.harness.measure import WrongCount
from benchmarks.harness.remote import Pipe, obey, run
from blackroad.client import Client
from blackroad.client import Text as Delta

# The tools that `ollama.AsyncClient.chat` takes have no full types.
# pyright: reportUnknownMemberType=false

CHUNKED: Final = b"transfer-encoding: chunked"
OURS: Final = f"ollama/{MODEL}"


def main(pipe: Pipe) -> None:
    """View as ordered until the pipe ends."""
    run(_main(pipe))


async def _main(pipe: Pipe) -> None:
    await obey(pipe, _view)


async def _view(order: View) -> Viewed:
    texts: list[Text] = []
    async with _asker(order) as ask:
        if order.in_turn:
            for _ in range(order.answers):
                texts += await ask()
        else:
            for more in await asyncio.gather(*(ask() for _ in range(order.answers))):
                texts += more
    tokens = sum(text.check() for text in texts)
    firsts = [text.first_seconds for text in texts]
    return Viewed(firsts, [age for text in texts for age in text.ages_seconds], tokens)


Ask = Callable[[], Awaitable[list[Text]]]


@asynccontextmanager
async def _asker(order: View) -> AsyncGenerator[Ask]:
    """Give what asks for one answer and returns the text of each of its viewers."""
    prompt = prompt_of(order.tokens, order.pace_seconds)
    match order.way:
        case Way.OLLAMA:
            client = ollama.AsyncClient(f"http://127.0.0.1:{order.port}")
            yield lambda: _by_ollama(client, prompt, order.tokens)
        case Way.SDK:
            async with Client(f"grpc://127.0.0.1:{order.port}") as ours:
                yield lambda: _by_sdk(ours, prompt, order.tokens)
        case Way.JOINED:
            yield lambda: _joined(order, prompt)
        case Way.CHAT | Way.COMPLETION | Way.OURS:
            yield lambda: _each(order, prompt)


async def _by_ollama(client: ollama.AsyncClient, prompt: str, tokens: int) -> list[Text]:
    text = Text(tokens)
    messages = [{"role": "user", "content": prompt}]
    async for part in await client.chat(MODEL, messages, stream=True):
        text.add(part.message.content or "")
    return [text]


async def _by_sdk(client: Client, prompt: str, tokens: int) -> list[Text]:
    text = Text(tokens)
    async for part in client.invoke(model=OURS, prompt=prompt):
        if isinstance(part, Delta):
            text.add(part.text)
    return [text]


async def _each(order: View, prompt: str) -> list[Text]:
    texts = [Text(order.tokens) for _ in range(order.viewers)]
    await asyncio.gather(*(_ask(order, prompt, text) for text in texts))
    return texts


async def _joined(order: View, prompt: str) -> list[Text]:
    """Ask once; the others join as soon as the answer has an id."""
    texts = [Text(order.tokens) for _ in range(order.viewers)]
    async with asyncio.TaskGroup() as viewers:

        def join(stream_id: str) -> None:
            for text in texts[1:]:
                viewers.create_task(_join(order.port, stream_id, text))

        await _ask(order, prompt, texts[0], join)
    return texts


async def _ask(
    order: View, prompt: str, text: Text, begun: Callable[[str], None] | None = None
) -> None:
    if order.way in {Way.COMPLETION, Way.OURS}:
        path = "/v1/chat/completions"
        messages = [{"role": "user", "content": prompt}]
        model = OURS if order.way is Way.OURS else MODEL
        body = {"model": model, "messages": messages, "stream": True}
    else:
        path, body = "/v1/chat/stream", {"model": OURS, "prompt": prompt}
    document = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(document)}\r\n"
    await _read(order.port, head, document, text, begun)


async def _join(port: int, stream_id: str, text: Text) -> None:
    await _read(port, f"GET /v1/streams/{stream_id}/events HTTP/1.1\r\n", b"", text, None)


async def _read(
    port: int, head: str, body: bytes, text: Text, begun: Callable[[str], None] | None
) -> None:
    """Send a request on a connection of its own, and read its events to the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(f"{head}Host: 127.0.0.1\r\n\r\n".encode() + body)
        answered = (await reader.readuntil(b"\r\n\r\n")).lower()
        if b" 200 " not in answered[:20]:
            raise WrongCount(f"refused: {answered!r}")
        if begun is not None:
            begun(answered.partition(b"x-stream-id: ")[2].partition(b"\r\n")[0].decode())
        pieces = _chunks(reader) if CHUNKED in answered else _reads(reader)
        async with aclosing(_documents(pieces)) as documents:
            async for document in documents:
                _take(orjson.loads(document), text)
    finally:
        writer.close()


async def _chunks(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    while size := int(await reader.readline() or b"-1", 16):
        if size < 0:
            raise WrongCount("the connection was cut")
        yield (await reader.readexactly(size + 2))[:-2]


async def _reads(reader: asyncio.StreamReader) -> AsyncGenerator[bytes]:
    while piece := await reader.read(1 << 16):
        yield piece


async def _documents(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the `data` of each event of a response."""
    rest = b""
    async for piece in pieces:
        rest += piece
        *blocks, rest = rest.replace(b"\r\n", b"\n").split(b"\n\n")
        for block in blocks:
            for line in block.split(b"\n"):
                if line.startswith(b"data: ") and line != b"data: [DONE]":
                    yield line[6:]


def _take(document: dict[str, object], text: Text) -> None:
    """Take an event: in the guide's words, or in OpenAI's."""
    if "error" in document:
        raise WrongCount(f"failed: {document}")
    match document:
        case {"snapshot": True, "content": str(content)}:
            text.show(content)
        case {"content": str(content)} | {"choices": [{"delta": {"content": str(content)}}]}:
            text.add(content)
        case _:
            pass
