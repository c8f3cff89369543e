"""What commands print: tables and colour for people, one JSON object a line for programs."""

import os
from collections.abc import AsyncIterator, Generator, Iterable, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Final, TypeVar, cast

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table
from rich.text import Text
from typing_extensions import override

Row = Mapping[str, object]
T = TypeVar("T")

MAX_WIDTH: Final = 10_000


class _Console(Console):
    @override
    def on_broken_pipe(self) -> None:
        """Let the command decide how it ends when nobody reads any more."""
        raise BrokenPipeError


def console(*, stderr: bool = False) -> Console:
    """Return what prints in colour on a terminal, unless NO_COLOR is set; plainly elsewhere."""
    plain = bool(os.environ.get("NO_COLOR"))
    return _Console(stderr=stderr, highlight=False, color_system=None if plain else "auto")


CONSOLE = console()
ERRORS = console(stderr=True)


def print_error(text: str) -> None:
    """Say on stderr what stopped the command."""
    ERRORS.print(Text.assemble(("error: ", "bold red"), text), soft_wrap=True)


def print_note(text: str) -> None:
    """Say to a person at a terminal what is worth knowing; to nobody else."""
    if ERRORS.is_terminal:
        ERRORS.print(Text(text, style="dim"), soft_wrap=True)


def print_json(row: Row) -> None:
    """Print one object as one line, at once, also into a pipe."""
    print(orjson.dumps(dict(row), default=str, option=orjson.OPT_UTC_Z).decode(), flush=True)


def print_rows(rows: Iterable[Row], *, as_json: bool) -> None:
    """Print a list: a table whose columns are the first row's, or one object a line."""
    if as_json:
        for row in rows:
            print_json(row)
        return
    table: Table | None = None
    for row in rows:
        if table is None:
            table = Table(*row, box=None, pad_edge=False, header_style="bold")
        table.add_row(*map(_cell, row.values()))
    if table is None:
        ERRORS.print("none")
    else:
        # Ids are there to be copied: a line may be longer than the terminal.
        CONSOLE.print(table, width=MAX_WIDTH, crop=False)


class Bar:
    """How far something is, on a terminal's last line."""

    def __init__(self, progress: Progress, text: str, total: float | None) -> None:
        self._progress = progress
        self._task = progress.add_task(text, total=total)

    def step(self, text: str | None = None) -> None:
        """Go one further, and say by what it goes on."""
        self._progress.advance(self._task)
        if text is not None:
            self._progress.update(self._task, description=text)

    def at(self, done: float, text: str) -> None:
        """Stand at so much of the total."""
        self._progress.update(self._task, completed=done, description=text)


@contextmanager
def progress(text: str, total: float | None = None) -> Generator[Bar]:
    """Show while the context lasts how far something is; nothing where stderr is no terminal.

    Without a total it counts.
    """
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24)]
    columns += [MofNCompleteColumn()]
    shown = ERRORS.is_terminal
    with Progress(*columns, console=ERRORS, transient=True, disable=not shown) as live:
        yield Bar(live, text, total)


async def counted(items: AsyncIterator[T], text: str) -> list[T]:
    """Return all items, and count them while they come."""
    found: list[T] = []
    with progress(text) as bar:
        async for item in items:
            found.append(item)
            bar.step()
    return found


def _cell(value: object) -> Text:
    match value:
        case None:
            return Text("")
        case bool():
            return Text("yes" if value else "no")
        case datetime():
            return Text(value.astimezone().strftime("%Y-%m-%d %H:%M:%S"))
        case list() | tuple():
            return Text(", ".join(map(str, cast("list[object]", value))))
        case _:
            return Text(str(value))
