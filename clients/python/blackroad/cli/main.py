"""The command: its table of subcommands. What a subcommand needs is imported when it runs."""

import os
from typing import Annotated

import typer

from blackroad.cli.commands import clients, operators, parts

# What gRPC's own core prints to stderr, we say in words of our own.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

app = typer.Typer(
    name="blackroad",
    help="A real-time backbone for AI agents: gRPC, WebSocket and SSE over one log.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"blackroad {version('blackroad-realtime')}")
        raise typer.Exit


@app.callback()
def main(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version.")
    ] = False,
) -> None:
    """Keep the app a group of commands, also while it has one only."""


parts.add_to(app)
clients.add_to(app)
operators.add_to(app)
