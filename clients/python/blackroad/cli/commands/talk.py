"""What `tap`, `publish` and `chat` do."""

import asyncio
import base64
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import cast

import orjson
import typer
from rich.text import Text as RichText

from blackroad.cli.output import CONSOLE, ERRORS, Row, print_error, print_json
from blackroad.client.answer import Answer
from blackroad.client.client import Client
from blackroad.client.event import Event, JSONValue
from blackroad.client.parts import Gap, Part, Progress, Queued, Snapshot, Started, Text, Thinking
from blackroad.client.subscription import Received


async def follow(
    client: Client, pattern: str, cursor: str, history: int, presence: bool, as_json: bool
) -> None:
    """Print what comes."""
    subscription = client.subscribe(
        pattern, cursor or None, history=history or None, presence=presence
    )
    async with subscription:
        async for received in subscription:
            if as_json:
                print_json(received_row(received))
            else:
                CONSOLE.print(_line(received), soft_wrap=True)


async def say(
    client: Client,
    channel: str,
    content: str,
    event: str,
    content_is_json: bool,
    key: str,
    as_json: bool,
) -> None:
    """Publish, and print where it went."""
    body: JSONValue = _json(content) if content_is_json else content
    published = await client.publish(channel, body, event, idempotency_key=key)
    if as_json:
        print_json({"room": channel, **asdict(published)})
    else:
        again = " (seen before)" if published.duplicate else ""
        CONSOLE.print(f"{channel} {published.offset} {published.event_id}{again}")


async def ask(client: Client, name: str, prompt: str, is_model: bool, as_json: bool) -> None:
    """Print the answer as it comes; cancel it when interrupted."""
    answer = client.invoke(model=name, prompt=prompt) if is_model else client.invoke(name, prompt)
    began = False
    try:
        async for part in answer:
            began = began or isinstance(part, Text | Snapshot)
            if as_json:
                print_json({"part": type(part).__name__.lower(), **asdict(part)})
            else:
                _show(part)
    except asyncio.CancelledError:
        await _cancel(answer)
        raise
    finally:
        if began and not as_json:
            print(flush=True)


async def _cancel(answer: Answer) -> None:
    if answer.stream_id:
        async with asyncio.timeout(5):
            await answer.cancel()


def _show(part: Part) -> None:
    """Print an answer's text to stdout, and all about it to stderr where that is a terminal."""
    match part:
        case Text(text):
            sys.stdout.write(text)
            sys.stdout.flush()
        case Snapshot():
            sys.stdout.write(part.text)
            sys.stdout.flush()
        case _ if not sys.stderr.isatty():
            pass
        case Thinking(text):
            ERRORS.print(text, style="dim", end="")
        case Queued(position):
            ERRORS.print(f"waiting, place {position}", style="dim")
        case Started(agent, model):
            ERRORS.print(f"{agent} {model}".strip(), style="dim")
        case Progress(percent, message):
            ERRORS.print(f"{percent:.0f} % {message}", style="dim")
        case _:
            pass


def received_row(received: Received) -> Row:
    """Return what a subscriber receives in the words of the browser protocol."""
    match received:
        case Gap():
            return {"type": "gap", "room": received.channel, "reason": received.reason}
        case Snapshot():
            return {"type": "agent.response", "status": "snapshot", **asdict(received)}
        case _:
            return _event_row(received)


def _event_row(event: Event) -> Row:
    row: dict[str, object] = {
        "cursor": event.cursor,
        "room": event.channel,
        "type": event.type,
        "from": event.sender,
        "from_kind": event.sender_kind,
        "timestamp": event.create_time,
        "event_id": event.event_id,
        "offset": event.offset,
    }
    content = event.content
    if isinstance(content, bytes):
        row["data"] = base64.b64encode(content).decode()
    elif event.part is not None:
        row["part"] = {"part": type(event.part).__name__.lower(), **asdict(event.part)}
    else:
        row["content"] = content
    optional: Mapping[str, object] = {
        "headers": event.headers,
        "correlation_id": event.correlation_id,
    }
    return row | {name: value for name, value in optional.items() if value}


def _line(received: Received) -> RichText:
    match received:
        case Gap(channel, reason):
            return RichText(f"{channel}: events are missing here ({reason})", style="yellow")
        case Snapshot():
            return RichText(f"{received.stream_id} so far: {received.text}", style="dim")
        case _:
            return _event_line(received)


def _event_line(event: Event) -> RichText:
    content = event.content
    shown = f"{len(content)} bytes" if isinstance(content, bytes) else event.text
    if event.part is not None:
        shown = str(event.part)
    return RichText.assemble(
        (event.create_time.astimezone().strftime("%H:%M:%S "), "dim"),
        (event.channel, "bold"),
        f"#{event.offset} ",
        (event.type, "cyan"),
        (f" {event.sender}: ", "green"),
        shown,
    )


def _json(content: str) -> JSONValue:
    try:
        return cast("JSONValue", orjson.loads(content))
    except orjson.JSONDecodeError:
        print_error("the content is not JSON")
        raise typer.Exit(2) from None
