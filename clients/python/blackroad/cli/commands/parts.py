"""Commands that start something, and those that look at the settings of what would start."""

from typing import Annotated, Final

import typer

from blackroad.cli.examples import add
from blackroad.cli.running import FAILED, Json, reported

Lifeline = Annotated[int | None, typer.Option("--lifeline", hidden=True)]

# Every setting is a flag too, such as --limits.user.burst-limit; the settings' reader knows them.
SETTINGS: Final[dict[str, bool]] = {"allow_extra_args": True, "ignore_unknown_options": True}
HINT: Final = "Every setting is a flag too: see `blackroad config`."


def add_to(app: typer.Typer) -> None:
    """Add the commands."""
    add(app, "Start", up, core, edge, agents, config, doctor, settings=SETTINGS, hint=HINT)
    add(app, "Start", run)
    add(app, "Start", bench, settings=SETTINGS)


def up(context: typer.Context, as_json: Json = False, lifeline: Lifeline = None) -> None:
    """Start core, agents and edge on this machine, until Ctrl-C."""
    from blackroad.cli.parts.everything import run
    from blackroad.cli.parts.lifeline import Lifeline

    line = Lifeline(lifeline)
    with reported(), line.reporting():
        status = run(context.args, line.ready, as_json=as_json)
    raise typer.Exit(status)


def core(context: typer.Context, lifeline: Lifeline = None) -> None:
    """Start one core."""
    from blackroad.cli.parts.core import run

    with reported():
        run(context.args, lifeline)


def edge(context: typer.Context, lifeline: Lifeline = None) -> None:
    """Start one edge."""
    from blackroad.cli.parts.edge import run

    with reported():
        run(context.args, lifeline)


def agents(context: typer.Context, lifeline: Lifeline = None) -> None:
    """Start the agents of a TOML file; without one LUCIDIA, ALICE, OCTAVIA, PRISM and ECHO."""
    from blackroad.cli.parts.agents import run

    with reported():
        run(context.args, lifeline)


def run(
    file: Annotated[str, typer.Argument(help="A Python file with one Agent.")],
    reload: Annotated[bool, typer.Option("--reload", help="Start it again on a change.")] = False,
) -> None:
    """Run an agent of your own: what the file runs itself, else the one Agent that it defines."""
    from blackroad.cli.parts.script import run as run_script

    with reported():
        status = run_script(file, reload=reload)
    raise typer.Exit(status)


def config(context: typer.Context, as_json: Json = False) -> None:
    """Show every setting: its name, its value here, and where that comes from."""
    from blackroad.cli.commands.inspect import show_settings

    with reported():
        show_settings(context.args, as_json)


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Look for what goes wrong in a set-up, and say what to do: settings, keys, engine, models."""
    from blackroad.cli.commands.doctor.examine import examine

    with reported():
        healthy = examine(context.args, as_json)
    raise typer.Exit(0 if healthy else FAILED)


def bench(context: typer.Context) -> None:
    """Measure an installation, where the benchmarks are at hand."""
    from blackroad.cli.commands.inspect import run_benchmarks

    raise typer.Exit(run_benchmarks(context.args))
