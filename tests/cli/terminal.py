"""A terminal for a command under test, and a core for it to speak with."""

import os
import pty
import subprocess
import sys
import threading
from collections.abc import Mapping

from tests.processes import command, environ


def typed(
    *arguments: str, settings: Mapping[str, str] | None = None, **variables: str
) -> tuple[int, str]:
    """Run a command with a terminal as stdout and stderr; return its status and what it wrote."""
    ours, theirs = pty.openpty()
    environment = environ(**(settings or {})) | {"TERM": "xterm-256color", "COLUMNS": "200"}
    for name in ("NO_COLOR", "FORCE_COLOR"):
        environment.pop(name, None)
    process = subprocess.Popen(
        command(*arguments),
        env=environment | variables,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written: list[bytes] = []
    reader = threading.Thread(target=_read, args=(ours, written), daemon=True)
    reader.start()
    status = process.wait(60)
    reader.join(10)
    os.close(ours)
    return status, b"".join(written).decode().replace("\r\n", "\n")


def _read(terminal: int, written: list[bytes]) -> None:
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            return  # Linux says so when the other side is closed
        if not piece:
            return
        written.append(piece)


def completed(shell: str, line: str) -> str:
    """Return what a shell would offer where the line ends."""
    words = line.split(" ")
    variables = {
        "_BLACKROAD_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_WORD_TO_COMPLETE": words[-1],
    }
    run = subprocess.run(
        [sys.executable, "-m", "blackroad.cli"],
        env=environ() | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert run.stderr == ""
    return run.stdout
