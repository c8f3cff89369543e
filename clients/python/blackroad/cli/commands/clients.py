"""Commands for people and scripts: read, write, look, ask."""

from typing import Annotated

import typer

from blackroad.cli.examples import add
from blackroad.cli.running import Json, Token, Url, run

Channel = Annotated[str, typer.Argument(help="The channel's name.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    add(app, "Use", tap, publish, presence, chat, channels, streams)


def tap(
    patterns: Annotated[
        list[str],
        typer.Argument(help="Channels and patterns, such as 'task.>'.", metavar="PATTERN..."),
    ],
    since: Annotated[
        str,
        typer.Option(
            help="Begin so long ago (10m, 1h30m), at a time (2026-01-31T12:00), or after a cursor."
        ),
    ] = "",
    history: Annotated[int, typer.Option(help="Begin with the last N events.", max=300)] = 0,
    event_type: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only events of this type, such as 'task.*'; may be repeated."),
    ] = None,
    sender: Annotated[
        list[str] | None,
        typer.Option("--from", help="Only events of this sender; may be repeated."),
    ] = None,
    count: Annotated[int, typer.Option(help="End after N events.", min=0)] = 0,
    follow: Annotated[
        bool, typer.Option(help="Go on with what comes; else end with what is there.")
    ] = True,
    presence: Annotated[
        bool, typer.Option("--presence", help="Also tell who comes and goes.")
    ] = False,
    content: Annotated[
        bool, typer.Option("--content", help="Print each event's content and nothing else.")
    ] = False,
    cursor: Annotated[str, typer.Option(hidden=True)] = "",
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Print every event of channels and patterns as it comes, until Ctrl-C."""
    from blackroad.cli.commands.tap import Since, Tap
    from blackroad.cli.commands.tap import follow as follow_it

    wanted = Tap(
        patterns=patterns,
        since=Since.read(since or cursor, history),
        types=event_type or (),
        senders=sender or (),
        count=count,
        presence=presence,
        follow=follow,
        as_json=as_json,
        content_only=content,
    )
    run(lambda client: follow_it(client, wanted), url, token)


def publish(
    channel: Channel,
    content: Annotated[str, typer.Argument(help="The content: text, or JSON with --content-json.")],
    event: Annotated[str, typer.Option(help="The event's type; else `message`.")] = "",
    content_is_json: Annotated[
        bool, typer.Option("--content-json", help="The content is JSON.")
    ] = False,
    key: Annotated[str, typer.Option(help="Idempotency key: the same key publishes once.")] = "",
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Append one event to a channel."""
    from blackroad.cli.commands.talk import say

    run(
        lambda client: say(client, channel, content, event, content_is_json, key, as_json),
        url,
        token,
    )


def presence(
    entity_type: Annotated[str, typer.Argument(help="agent, user or service; else all.")] = "",
    watch: Annotated[bool, typer.Option(help="Go on with every change, until Ctrl-C.")] = False,
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """List who is here."""
    from blackroad.cli.commands.look import who

    run(lambda client: who(client, entity_type, watch, as_json), url, token)


def chat(
    agent: Annotated[str, typer.Argument(help="The agent, such as ECHO.")],
    prompt: Annotated[str, typer.Argument(help="What to say.")],
    model: Annotated[bool, typer.Option("--model", help="The name is a model's.")] = False,
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Ask an agent, and print its answer as it comes. Ctrl-C cancels the answer."""
    from blackroad.cli.commands.talk import ask

    run(lambda client: ask(client, agent, prompt, model, as_json), url, token)


def channels(
    pattern: Annotated[str, typer.Argument(help="Only channels that match.")] = "",
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """List the channels that you may read."""
    from blackroad.cli.commands.look import list_channels

    run(lambda client: list_channels(client, pattern, as_json), url, token)


def streams(
    conversation: Annotated[str, typer.Option(help="Only answers of a conversation.")] = "",
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """List answers, in progress and ended."""
    from blackroad.cli.commands.look import list_streams

    run(lambda client: list_streams(client, conversation, as_json), url, token)
