"""What the edge says over HTTP: blocks of a stream, problems, frames of a chat."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import msgspec
from msgspec import Struct

from tests.conformance.records import (
    Refused,
    Update,
)
from tests.conformance.websocket_door import Frame, Usage


class Problem(Struct):
    """A problem document."""

    code: str
    retryable: bool = False


class PublishedOne(Struct):
    event_id: str
    offset: int = 0
    duplicate: bool = False


class Page(Struct):
    items: list[Frame]


class Opened(Struct):
    stream_id: str


class ChatError(Struct):
    code: str


class Chat(Struct):
    """A frame of `/v1/chat/stream`."""

    content: str = ""
    done: bool = False
    snapshot: bool = False
    part: Frame | None = None
    finish_reason: str = ""
    error: ChatError | None = None
    usage: Usage | None = None
    stream_id: str = ""


@dataclass(slots=True)
class Block:
    """One block of a stream of events."""

    id: str = ""
    event: str = ""
    data: str | None = None
    retry: str = ""


async def blocks(response: httpx.Response) -> AsyncIterator[Block]:
    """Read blocks as the standard says, but for lone carriage returns."""
    buffer = b""
    async for chunk in response.aiter_bytes():
        buffer += chunk
        *whole, buffer = buffer.split(b"\n\n")
        for text in whole:
            block = Block()
            for line in text.decode().split("\n"):
                name, _, value = line.partition(": ")
                match name:
                    case "id":
                        block.id = value
                    case "event":
                        block.event = value
                    case "data":
                        block.data = value if block.data is None else f"{block.data}\n{value}"
                    case "retry":
                        block.retry = value
                    case _:
                        assert line.startswith(":") or not line, line
            yield block


def checked(response: httpx.Response) -> httpx.Response:
    """Return it where it succeeded; raise Refused otherwise."""
    if response.is_success:
        return response
    raise refusal(response)


def refusal(response: httpx.Response) -> Refused:
    """Return what a failed response says."""
    assert response.headers["Content-Type"] == "application/problem+json", response.text
    problem = msgspec.json.decode(response.content, type=Problem)
    return Refused(problem.code, problem.retryable)


def update_of(chat: Chat, cursor: str) -> Update:
    """Return a chat frame as an update."""
    if chat.done:
        if chat.error:
            return Update("failed", "", cursor, chat.error.code)
        status = "cancelled" if chat.finish_reason == "cancelled" else "finished"
        tokens = chat.usage.output_tokens if chat.usage else 0
        return Update(status, "", cursor, "", tokens)
    if chat.snapshot:
        return Update("snapshot", chat.content, cursor)
    if chat.part:
        return Update(chat.part.status, chat.part.delta, cursor)
    return Update("streaming", chat.content, cursor)


def document(response: httpx.Response) -> dict[str, object]:
    """Return a JSON object."""
    found: dict[str, object] = json.loads(response.content)
    return found
