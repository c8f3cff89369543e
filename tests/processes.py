"""Real processes of ours for tests: started on free ports, waited for, always ended by their id."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

START_SECONDS: Final = 60.0
END_SECONDS: Final = 30.0
ROOT: Final = Path(__file__).parent.parent


class Process:
    """One process in a group of its own, whose lines are kept as they come."""

    def __init__(
        self, arguments: Sequence[str], environ: Mapping[str, str], keep: Sequence[int] = ()
    ) -> None:
        self._changed = threading.Condition()
        self._lines: list[str] = []
        self._closed = False
        self.popen = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=dict(environ),
            pass_fds=keep,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        """The process's id, and its group's."""
        return self.popen.pid

    @property
    def output(self) -> str:
        """What it has printed so far."""
        with self._changed:
            return "".join(self._lines)

    def _read(self) -> None:
        if self.popen.stdout is None:
            raise AssertionError("stdout is a pipe")
        with self.popen.stdout as lines:
            for line in lines:
                with self._changed:
                    self._lines.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> str:
        """Return the first group of the pattern once it was printed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._find(pattern), seconds)
            found = self._find(pattern)
        if found is None:
            raise AssertionError(f"{pattern!r} was not printed:\n{self.output}")
        return found

    def _find(self, pattern: str) -> str | None:
        found = re.search(pattern, "".join(self._lines))
        return found[1] if found else None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone."""
        self.popen.send_signal(number)

    def wait(self, seconds: float = END_SECONDS) -> int:
        """Return the exit status; AssertionError where it does not end in time."""
        try:
            status = self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it has not ended after {seconds} s:\n{self.output}") from None
        self._reader.join(1)
        return status

    def terminate(self, seconds: float = END_SECONDS) -> int:
        """Ask it to drain, once; return the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def kill(self) -> None:
        """End the process and its group at once, where they still run. Idempotent."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.wait(END_SECONDS)
        self._reader.join(1)


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything that `blackroad up` started, and where it is."""

    process: Process
    http: str
    grpc: str


def environ(**settings: str) -> dict[str, str]:
    """Return this environment with these settings and no others of ours."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("BLACKROAD_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {f"BLACKROAD_{name}": value for name, value in settings.items()}


def command(*arguments: str, module: str = "blackroad.cli") -> list[str]:
    """Return the command line of `blackroad`, or of a module that stands for it."""
    return [sys.executable, "-m", module, *arguments]


@contextlib.contextmanager
def running(
    arguments: Sequence[str], settings: Mapping[str, str], keep: Sequence[int] = ()
) -> Generator[Process]:
    """Run a process while the context lasts; what is left of it then is killed."""
    process = Process(arguments, environ(**settings), keep)
    try:
        yield process
    finally:
        process.kill()


def blackroad(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command of `blackroad` to its end, and return what it printed."""
    return subprocess.run(
        command(*arguments),
        env=environ(**settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
    )


@contextlib.contextmanager
def starting_up(**settings: str) -> Generator[Process]:
    """Run `blackroad up` on free ports, from its first moment on."""
    asked = {"HTTP": "127.0.0.1:0", "GRPC": "127.0.0.1:0", **settings}
    with running(command("up"), asked) as process:
        yield process


@contextlib.contextmanager
def up(**settings: str) -> Generator[Installation]:
    """Run `blackroad up` on free ports, until all of it is ready."""
    with starting_up(**settings) as process:
        http = process.wait_for(r"Browser\s+http://(\S+)")
        yield Installation(process, http, process.wait_for(r"gRPC\s+(\S+)"))


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an installation that runs alone, and what it said when it was ready."""

    process: Process
    addresses: Mapping[str, str]


@contextlib.contextmanager
def part(name: str, *, module: str = "blackroad.cli", **settings: str) -> Generator[Part]:
    """Run `blackroad core`, `agents` or `edge` alone, until it is ready."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            number = theirs.fileno()
            process = Process(
                command(name, "--lifeline", str(number), module=module),
                environ(**settings),
                [number],
            )
        try:
            yield Part(process, _ready(ours, process))
        finally:
            process.kill()


def _ready(line: socket.socket, process: Process) -> Mapping[str, str]:
    line.settimeout(START_SECONDS)
    with line.makefile() as lines:
        said = lines.readline()
    if not said:
        raise AssertionError(f"it ended before it was ready:\n{process.output}")
    ready: dict[str, dict[str, str]] = json.loads(said)
    return ready["ready"]


def children_of(pid: int) -> list[int]:
    """Return the ids of a process's children (Linux)."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def parts_of(pid: int) -> dict[str, int]:
    """Return the parts that an `up` has started, by name."""
    found: dict[str, int] = {}
    for child in children_of(pid):
        with contextlib.suppress(FileNotFoundError):
            words = Path(f"/proc/{child}/cmdline").read_text().split("\0")
            if "blackroad.cli" in words[:-1]:
                found[words[words.index("blackroad.cli") + 1]] = child
    return found


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and was not yet waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something about other processes is true, which nobody tells us."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not true after {seconds} s")
        time.sleep(0.02)
