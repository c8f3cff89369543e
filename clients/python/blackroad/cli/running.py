"""Runs one client command: with the SDK, by the settings, until it ends or is interrupted."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from blackroad.client.client import Client

Url = Annotated[
    str, typer.Option(help="grpc://host:port, or an edge's http://host:port. Else BLACKROAD_URL.")
]
Token = Annotated[str, typer.Option(help="Who to speak for. Else BLACKROAD_TOKEN.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]

# The exit statuses beside 0, as docs/cli.md has them.
FAILED: Final = 1
WRONG: Final = 2
UNREACHABLE: Final = 3
REFUSED: Final = 4
INTERRUPTED: Final = 130
UNREAD: Final = 141
WAIT_SECONDS: Final = 5.0
_STATUSES: Final = {
    "unavailable": UNREACHABLE,
    "deadline_exceeded": UNREACHABLE,
    "draining": UNREACHABLE,
    "unauthenticated": REFUSED,
    "token_expired": REFUSED,
    "forbidden": REFUSED,
    "not_member": REFUSED,
    "invalid_address": WRONG,
}
_HINTS: Final = {
    UNREACHABLE: "is it running? --url or BLACKROAD_URL says where it is; see `blackroad doctor`",
    REFUSED: "--token or BLACKROAD_TOKEN says who you are; see `blackroad token --help`",
}


class StartError(Exception):
    """A part cannot start, for a reason that its user can do something about."""


@contextmanager
def reported() -> Generator[None]:
    """Turn what a user can do something about into a line on stderr and an exit status."""
    from blackroad.cli.output import print_error
    from blackroad.cli.settings.problems import SettingsError
    from blackroad.client.errors import RealtimeError

    try:
        yield
    except SettingsError as error:
        for problem in error.problems:
            print_error(str(problem))
        raise typer.Exit(WRONG) from None
    except StartError as error:
        print_error(str(error))
        raise typer.Exit(FAILED) from None
    except RealtimeError as error:
        print_error(str(error))
        status = _STATUSES.get(error.code, FAILED)
        if status in _HINTS:
            print_error(_HINTS[status])
        raise typer.Exit(status) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # The reader has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(UNREAD) from None


def run(work: Callable[["Client"], Awaitable[None]], url: str, token: str) -> None:
    """Run `work` with a client of the core that settings and options name."""
    # What stops a command is told at its end; what is tried again on the way is not.
    logging.getLogger("blackroad").setLevel(logging.ERROR)
    with reported():
        asyncio.run(_run(work, url, token))


async def _run(work: Callable[["Client"], Awaitable[None]], url: str, token: str) -> None:
    from blackroad.cli.settings.parts import ClientPart
    from blackroad.cli.settings.read import settings_of
    from blackroad.client.client import Client

    flags = [*(("--url", url) if url else ()), *(("--token", token) if token else ())]
    settings = settings_of(ClientPart, flags)
    async with Client(
        settings.url or None, settings.token or None, timeout_seconds=WAIT_SECONDS
    ) as client:
        await work(client)
