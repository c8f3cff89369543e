"""`blackroad run FILE.py`: a user's agent, started again when the files beside it change."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from blackroad.cli.settings.problems import Problem, SettingsError

POLL_SECONDS: Final = 0.5
GRACE_SECONDS: Final = 10.0

Stamps = Mapping[Path, int]


def run(file: str, *, reload: bool) -> int:
    """Run the file by `cli.parts.program`; return its status, with `reload` only after a signal."""
    path = Path(file)
    if not path.is_file():
        raise SettingsError([Problem(file, "there is no such file")])
    if not reload:
        os.execv(sys.executable, command(path))  # noqa: S606 (becomes it)
    return Reloader(path).run()


def command(file: Path) -> list[str]:
    """Return the command line that runs a file."""
    return [sys.executable, "-m", "blackroad.cli.parts.program", str(file)]


class Reloader:
    """Runs a file, and runs it anew when a Python file beside it changes."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stopped = False

    def run(self) -> int:
        """Return after SIGTERM or SIGINT, when the child has drained."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        while not self._stopped:
            stamps = self._stamps()
            child = subprocess.Popen(command(self._file))
            self._until_changed(stamps)
            _end(child)
        return 0

    def _stop(self, *_: object) -> None:
        self._stopped = True

    def _until_changed(self, stamps: Stamps) -> None:
        """Return when a file changed or a signal came; a child that ended waits for a change."""
        while not self._stopped and self._stamps() == stamps:
            time.sleep(POLL_SECONDS)

    def _stamps(self) -> Stamps:
        return {file: file.stat().st_mtime_ns for file in self._file.parent.glob("*.py")}


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
