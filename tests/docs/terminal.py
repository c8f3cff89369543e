"""A terminal for the blocks of a page: runs their commands against an installation."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from tests.docs.blocks import ROOT, Block, Command, pattern, where
from tests.processes import Installation, environ
from tests.servers import free_port

SECONDS: Final = 60.0
PORT: Final = re.compile(r"127\.0\.0\.1:(\d{4,5})\b")
BOOKMARK: Final = '"type":"bookmark"'
CONTROLS: Final = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z]|[78])")


class Terminal:
    """Runs blocks in a folder. Addresses of the page are replaced by those of the installation."""

    def __init__(self, folder: Path, installation: Installation, page: str) -> None:
        self._folder = folder
        self._installation = installation
        others = set(PORT.findall(page)) - {"8080", "50051"}  # of servers that the page starts
        self._ports = {port: str(free_port()) for port in others}
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / "protos").symlink_to(ROOT / "protos")
        path = f"{Path(sys.executable).parent}:{ROOT / '.tools' / 'bin'}:{os.environ['PATH']}"
        self._environ = environ(URL=f"grpc://{installation.grpc}") | {
            "PATH": path,
            "COLUMNS": "100",
            "PYTHONUNBUFFERED": "1",
        }

    def here(self, text: str) -> str:
        """Return a text of the page with the addresses of this installation."""
        text = text.replace("127.0.0.1:8080", self._installation.http)
        text = text.replace("127.0.0.1:50051", self._installation.grpc)
        for port, free in self._ports.items():
            text = re.sub(rf"\b{port}\b", free, text)
        return text

    def write(self, block: Block) -> None:
        """Write a block to its file."""
        (self._folder / block.file).write_text(self.here(block.text))

    def run(self, block: Block) -> None:
        """Run a block's commands; each must print what is shown."""
        for command in block.commands:
            output = self._output(self.here(command.line))
            shown = self.here(command.shown)
            assert re.fullmatch(pattern(shown), output), difference(block, command, output)

    def _output(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        printed = done.stdout.strip()
        return f"{printed}\n" if printed else ""

    @contextmanager
    def following(self, block: Block) -> Generator[None]:
        """Leave a block's command running; when the context ends it must have printed it all."""
        (command,) = block.commands
        before = self._sessions()
        wanted = re.compile(pattern(self.here(command.shown)))
        first = re.compile(pattern(self.here(beginning(command.shown))))
        with self._running(self.here(command.line)) as screen:
            if "serve" in block.words:
                wait(lambda: first.match(screen.text) is not None, block, screen)
            else:
                wait(lambda: bool(self._followers() - before), block, screen)
            yield
            wait(lambda: wanted.match(screen.text) is not None, block, screen)

    def dialogue(self, block: Block) -> None:
        """Type the lines after `> `, each once what is shown before it has come after `< `."""
        (command,) = block.commands
        wanted = ""
        with self._running(self.here(command.line)) as screen:
            for line in self.here(command.shown).splitlines():
                if line.startswith("> "):
                    screen.type(line[2:])
                else:
                    wanted += pattern(line)
                    wait(partial(screen.has_answered, re.compile(wanted)), block, screen)

    @contextmanager
    def _running(self, line: str) -> Generator["Screen"]:
        # Started in the background, we ignore SIGINT, and our children would too.
        process = subprocess.Popen(
            ["env", "--default-signal=INT", "bash", "-c", f"exec {line}"],
            cwd=self._folder,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        screen = Screen(process)
        try:
            yield screen
        finally:
            process.send_signal(signal.SIGINT)
            screen.close()

    def _sessions(self) -> set[str]:
        return set(self._list())

    def _followers(self) -> set[str]:
        """Return the sessions that follow something now, or serve."""
        return {session for session, stands in self._list().items() if stands}

    def _list(self) -> dict[str, bool]:
        url = f"http://{self._installation.http}/v1/sessions?page_size=500"
        items = httpx.get(url).raise_for_status().json()["items"]
        return {
            each["session_id"]: each.get("method") == "Serve"
            or (bool(each["subscriptions"]) and not each["catching_up"])
            for each in items
        }


class Screen:
    """What a running command has printed, and its keyboard."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def text(self) -> str:
        """All that was printed."""
        return "".join(self._lines).strip() + "\n"

    @property
    def answers(self) -> str:
        """What the other side of a dialogue said, but for bookmarks, which come by time."""
        lines = CONTROLS.sub("\n", self.text).splitlines()
        said = (line for line in lines if line.startswith("< ") and BOOKMARK not in line)
        return "".join(f"{line}\n" for line in said)

    def has_answered(self, wanted: re.Pattern[str]) -> bool:
        """Whether the other side has said what is wanted."""
        return wanted.match(self.answers) is not None

    def type(self, line: str) -> None:
        """Type a line."""
        if self._process.stdin is not None:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Wait until the command has ended."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._reader.join(1)
            if self._process.stdout is not None:
                self._process.stdout.close()

    def _read(self) -> None:
        if self._process.stdout is not None:
            for line in self._process.stdout:
                self._lines.append(line)


def beginning(shown: str) -> str:
    """Return what is shown up to the first line that says something."""
    lines = shown.splitlines()
    said = next((at for at, line in enumerate(lines) if line.strip() != "..."), len(lines))
    return "\n".join(lines[: said + 1])


def wait(condition: Callable[[], bool], block: Block, screen: Screen) -> None:
    """Wait until a condition of another process holds, which nobody tells us."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, f"{where(block)}: not seen in\n{screen.text}"
        time.sleep(0.02)


def difference(block: Block, command: Command, output: str) -> str:
    """Say what was shown and what came."""
    return f"{where(block)}: {command.line}\n--- shown\n{command.shown}\n--- printed\n{output}"
