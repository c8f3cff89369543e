"""What `publish` and `chat` do."""

import asyncio
import sys
from contextlib import ExitStack, suppress
from dataclasses import asdict
from typing import Final, cast

import orjson
import typer

from blackroad.cli.output import (
    CONSOLE,
    ERRORS,
    print_error,
    print_json,
    print_note,
    progress,
)
from blackroad.client.answer import Answer
from blackroad.client.client import Client
from blackroad.client.errors import NoAgent, RealtimeError
from blackroad.client.event import JSONValue
from blackroad.client.parts import Part, Progress, Queued, Snapshot, Started, Text, Thinking

MOST: Final = 20


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
        with ExitStack() as stack:
            async for part in answer:
                began = began or isinstance(part, Text | Snapshot)
                if as_json:
                    print_json({"part": type(part).__name__.lower(), **asdict(part)})
                else:
                    _show(part, stack)
    except asyncio.CancelledError:
        await _cancel(answer)
        raise
    except NoAgent:
        if not is_model:
            await _tell_who_is_here(client)
        raise
    finally:
        if began and not as_json:
            print(flush=True)


async def _tell_who_is_here(client: Client) -> None:
    with suppress(RealtimeError):  # who may not look is told less
        names = [each.entity_id for each in await client.presence("agent")]
        print_error(f"here are {', '.join(names[:MOST])}" if names else "no agent is here")


async def _cancel(answer: Answer) -> None:
    if answer.stream_id:
        async with asyncio.timeout(5):
            await answer.cancel()


def _show(part: Part, shown: ExitStack) -> None:
    """Print an answer's text to stdout, and all about it to stderr where that is a terminal.

    How far it is stays on the last line until more of the text comes.
    """
    match part:
        case Text(text):
            shown.close()
            sys.stdout.write(text)
            sys.stdout.flush()
        case Snapshot():
            shown.close()
            sys.stdout.write(part.text)
            sys.stdout.flush()
        case _ if not ERRORS.is_terminal:
            pass
        case Thinking(text):
            shown.close()
            ERRORS.print(text, style="dim", end="", markup=False)
        case Queued(position):
            print_note(f"waiting, place {position}")
        case Started(agent, model):
            print_note(f"{agent} {model}".strip())
        case Progress(percent, message):
            shown.close()
            shown.enter_context(progress("", 100)).at(percent, message)
        case _:
            pass


def _json(content: str) -> JSONValue:
    try:
        return cast("JSONValue", orjson.loads(content))
    except orjson.JSONDecodeError:
        print_error("the content is not JSON")
        raise typer.Exit(2) from None
