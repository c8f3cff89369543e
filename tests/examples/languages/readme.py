"""What the README of an example says: how it is built, how it is run, and what it prints then."""

import asyncio
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from tests.docs.blocks import ROOT, Block, Command, blocks, pattern
from tests.processes import Process, environ

BUILD_SECONDS: Final = 600.0
SECONDS: Final = 90.0  # on a busy machine a JVM takes its time
PATH: Final = f"{Path(sys.executable).parent}:{ROOT / '.tools/bin'}:{os.environ['PATH']}"


@dataclass(frozen=True, slots=True)
class Readme:
    """The README in `examples/<language>`, and the programs that its commands need."""

    language: str
    tools: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The example's folder."""
        return ROOT / "examples" / self.language

    @property
    def build(self) -> list[str]:
        """The commands that build it."""
        return [line for block in self._blocks("sh") for line in block.text.splitlines()]

    @property
    def run(self) -> Command:
        """The one command that runs it, and what that prints."""
        (command,) = self._console(follow=True)
        return command

    @property
    def uses(self) -> list[Command]:
        """The commands that are run beside it."""
        return self._console(follow=False)

    @property
    def agent(self) -> str:
        """The name under which it serves."""
        found = re.search(r"serving agent\.(\w+)", self.run.shown)
        assert found is not None
        return found[1]

    def _blocks(self, language: str) -> list[Block]:
        page = self.folder / "README.md"
        return [block for block in blocks(page) if block.language == language]

    def _console(self, *, follow: bool) -> list[Command]:
        chosen = [each for each in self._blocks("console") if ("follow" in each.words) == follow]
        return [command for block in chosen for command in block.commands]

    def built(self) -> "Readme":
        """Return it once it is built; skip the test where a program is missing."""
        for tool in self.tools:
            if shutil.which(tool, path=PATH) is None:
                pytest.skip(f"{tool} is not installed")
        _build(self)
        return self

    @asynccontextmanager
    async def running(self, core: str, **settings: str) -> AsyncGenerator[Process]:
        """Run it beside a core, until it serves and follows."""
        arguments = shlex.split(self.run.line)
        process = Process(["env", "-C", str(self.folder), *arguments], _environ(core, settings))
        try:
            for line in ("serving agent", "following"):
                await printed(process, f"({line})")
            yield process
        finally:
            await asyncio.to_thread(process.kill)

    def ended(self, core: str, **settings: str) -> "tuple[int, str]":
        """Run it where it cannot work; return its status and what it has printed."""
        arguments = shlex.split(self.run.line)
        process = Process(["env", "-C", str(self.folder), *arguments], _environ(core, settings))
        try:
            return process.wait(SECONDS), process.output
        finally:
            process.kill()

    def say(self, command: Command, core: str) -> None:
        """Run a command beside it; it must print what is shown."""
        done = _bash(command.line, self.folder, _environ(core, {}), SECONDS)
        assert done.returncode == 0, done.stdout
        assert re.fullmatch(pattern(command.shown), done.stdout.strip() + "\n"), done.stdout


async def printed(process: Process, regex: str) -> str:
    """Return the first group of a pattern once the process has printed it."""
    return await asyncio.to_thread(process.wait_for, regex, SECONDS)


@cache
def _build(readme: Readme) -> None:
    """Build it, once in a run of tests."""
    for line in readme.build:
        done = _bash(line, readme.folder, _environ("", {}), BUILD_SECONDS)
        assert done.returncode == 0, f"{line}\n{done.stdout}"


def _environ(core: str, settings: Mapping[str, str]) -> dict[str, str]:
    return environ(CORE=core, URL=f"grpc://{core}", **settings) | {"PATH": PATH}


def _bash(
    line: str, folder: Path, env: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", line],
        cwd=folder,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
