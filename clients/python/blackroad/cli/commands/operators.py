"""Commands for operators: look at sessions and nodes, end sessions, make tokens, show settings."""

from typing import Annotated

import typer

from blackroad.cli.examples import add
from blackroad.cli.running import Json, Token, Url, reported, run

Session = Annotated[str, typer.Argument(help="The session's id.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    add(app, "Operate", sessions, disconnect, revoke, nodes, explain, token, console)


def sessions(
    subject: Annotated[str, typer.Option(help="Only sessions of this subject.")] = "",
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """List who is connected, by which door."""
    from blackroad.cli.commands.operate import list_sessions

    run(lambda client: list_sessions(client, subject, as_json), url, token)


def disconnect(
    session_id: Session, as_json: Json = False, url: Url = "", token: Token = ""
) -> None:
    """End one session."""
    from blackroad.cli.commands.operate import end_session

    run(lambda client: end_session(client, session_id, as_json), url, token)


def revoke(
    jti: Annotated[str, typer.Argument(help="The token's id. Or give --subject.")] = "",
    subject: Annotated[str, typer.Option(help="All tokens of a subject until now.")] = "",
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """End tokens before their time."""
    from blackroad.cli.commands.operate import revoke_tokens

    run(lambda client: revoke_tokens(client, jti, subject, as_json), url, token)


def nodes(as_json: Json = False, url: Url = "", token: Token = "") -> None:
    """List the core processes."""
    from blackroad.cli.commands.operate import list_nodes

    run(lambda client: list_nodes(client, as_json), url, token)


def explain(
    session_id: Session,
    channel: Annotated[str, typer.Argument(help="The channel's name.")],
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Say why a session gets, or does not get, the events of a channel."""
    from blackroad.cli.commands.operate import explain_session

    run(lambda client: explain_session(client, session_id, channel, as_json), url, token)


def token(
    context: typer.Context,
    subject: Annotated[str, typer.Argument(help="Who the token speaks for.")],
    kind: Annotated[str, typer.Option(help="agent, user, service or gateway.")] = "user",
    grant: Annotated[
        list[str] | None,
        typer.Option(help="PATTERN:ACTION,ACTION - repeat for more; else everything on '>'."),
    ] = None,
    tenant: Annotated[str, typer.Option(help="The tenant.")] = "default",
    hours: Annotated[float, typer.Option(help="How long it holds.", min=0.001)] = 1.0,
    as_json: Json = False,
) -> None:
    """Make a token, signed with auth.secret (without keys: for a core in development)."""
    from blackroad.cli.commands.operate import print_token

    with reported():
        print_token(context.args, subject, kind, tuple(grant or ()), tenant, hours, as_json)


def console(
    at: Annotated[
        str, typer.Option(help="Where the edge is: http://host:port. Else the setting `http`.")
    ] = "",
    as_json: Json = False,
    url: Url = "",
    token: Token = "",
) -> None:
    """Print a link to the console that signs one browser in."""
    from blackroad.cli.commands.console import print_link

    run(lambda client: print_link(client, at, as_json), url, token)
