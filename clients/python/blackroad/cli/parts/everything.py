"""What `blackroad up` prints, and what it checks before anything starts."""

import asyncio
import os
from collections.abc import Callable, Sequence

from rich.panel import Panel
from rich.table import Table

from blackroad.agents.settings import AgentsSettings
from blackroad.cli.logs import configure
from blackroad.cli.output import CONSOLE, Row, print_error, print_json
from blackroad.cli.parts.child import ChildError
from blackroad.cli.parts.up import Addresses, Tree
from blackroad.cli.settings.agents import roster_of
from blackroad.cli.settings.parts import PARTS, LoggingPart
from blackroad.cli.settings.read import read
from blackroad.cli.settings.sources import given
from blackroad.core.settings import CoreSettings


def run(
    flags: Sequence[str], also: Callable[[Addresses], None] | None = None, *, as_json: bool = False
) -> int:
    """Run everything; return the exit status. Raises `SettingsError` before anything starts.

    `also` is called when all is ready and has been announced.
    """
    values = given(flags, os.environ)
    for part in PARTS:
        read(part, values)
    core = read(CoreSettings, values)
    roster_of(read(AgentsSettings, values))
    configure(read(LoggingPart, values).logging, "up")
    tree = Tree(flags, core)

    def ready(addresses: Addresses) -> None:
        if as_json:
            print_json(told(addresses, core))
        else:
            announce(addresses, core)
        if also is not None:
            also(addresses)

    try:
        asyncio.run(tree.run(ready))
    except ChildError as lost:
        print_error(str(lost))
        return lost.status
    return 0


def told(addresses: Addresses, core: CoreSettings) -> Row:
    """Return where everything is, for programs."""
    http, s = addresses["http"], "s" if core.tls.cert else ""
    grpc = addresses["grpc"]
    return {
        "url": grpc if s else f"grpc://{grpc}",
        "http": f"http{s}://{http}",
        "websocket": f"ws{s}://{http}/ws/",
        "model": addresses.get("model"),
        "development": core.auth.development,
    }


def announce(addresses: Addresses, core: CoreSettings) -> None:
    """Print where everything is, in a block that can be read and copied."""
    http, s = addresses["http"], "s" if core.tls.cert else ""
    rows = {
        "Browser": f"http{s}://{http}",
        "WebSocket": f"ws{s}://{http}/ws/<client-id>",
        "SSE": f"http{s}://{http}/events/<client-id>",
        "API docs": f"http{s}://{http}/docs",
        "gRPC": addresses["grpc"],
    }
    if model := addresses.get("model"):
        rows["Default model"] = model
    table = Table.grid(padding=(0, 2))
    for name, text in rows.items():
        table.add_row(name, text)
    keys = "development: only this machine can connect" if core.auth.development else "with keys"
    note = f"{keys}, with TLS" if s else keys
    CONSOLE.print(Panel.fit(table, title="BlackRoad is up", subtitle=note))
