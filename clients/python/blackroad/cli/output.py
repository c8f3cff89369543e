"""What commands print: tables and colour for people, one JSON object a line for programs."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, cast

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Mapping[str, object]

MAX_WIDTH: Final = 10_000

CONSOLE = Console(highlight=False)
ERRORS = Console(stderr=True, highlight=False)


def print_error(text: str) -> None:
    """Say on stderr what stopped the command."""
    ERRORS.print(Text.assemble(("error: ", "bold red"), text), soft_wrap=True)


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
