"""How an event looks: a line for people, an object in the browser protocol's words for programs."""

import base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final
from zlib import crc32

from rich.highlighter import JSONHighlighter
from rich.text import Text

from blackroad.cli.output import Row
from blackroad.client.event import Event
from blackroad.client.parts import Gap, Snapshot
from blackroad.client.subscription import Received

# A channel keeps its colour, so that the eye can follow one of many.
_COLOURS: Final = ("blue", "magenta", "cyan", "green", "bright_blue", "bright_magenta")
_JSON: Final = JSONHighlighter()


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


def event_line(received: Received) -> Text:
    """Return one line that tells of it."""
    match received:
        case Gap(channel, reason):
            return Text(f"{channel}: events are missing here ({reason})", style="yellow")
        case Snapshot():
            return Text(f"{received.stream_id} so far: {received.text}", style="dim")
        case _:
            return _event_line(received)


def _event_line(event: Event) -> Text:
    colour = _COLOURS[crc32(event.channel.encode()) % len(_COLOURS)]
    return Text.assemble(
        (event.create_time.astimezone().strftime("%H:%M:%S "), "dim"),
        (event.channel, f"bold {colour}"),
        (f"#{event.offset} ", "dim"),
        (event.type, "cyan"),
        (f" {event.sender}: ", "green"),
        _body(event),
    )


def _body(event: Event) -> Text:
    content = event.content
    if isinstance(content, bytes):
        return Text(f"{len(content)} bytes", style="dim")
    if event.part is not None:
        return Text(str(event.part))
    body = Text(event.text)
    if not isinstance(content, str):
        _JSON.highlight(body)
    return body
