"""Peers of a release in an environment of their own, which is made when it is needed."""

import asyncio
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TOOLS: Final = Path(__file__).parent.parent.parent / ".tools"


class NotInstalled(Exception):  # noqa: N818 - it is what happened
    """The package could not be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Where PyPI's packages of one peer are: they and ours agree on nothing."""

    name: str
    packages: tuple[str, ...]

    @property
    def bin(self) -> Path:
        """Where its commands are."""
        return TOOLS / self.name / "bin"

    @property
    def release(self) -> str:
        """What is installed, in words."""
        return " ".join(self.packages)

    @property
    def installed(self) -> bool:
        """Whether these releases are there."""
        return self._made.exists() and self._made.read_text() == self.release

    async def provide(self, *, install: bool) -> None:
        """Make it where it is not there, in a minute or two. Raises `NotInstalled`."""
        if self.installed:
            return
        if not install:
            raise NotInstalled("it is not there, and quick runs install nothing")
        print(f"installing {self.release}", flush=True)
        home = TOOLS / self.name
        shutil.rmtree(home, ignore_errors=True)
        await _run(sys.executable, "-m", "venv", str(home))
        await _run(str(self.bin / "python"), "-m", "pip", "install", "--quiet", *self.packages)
        self._made.write_text(self.release)

    @property
    def _made(self) -> Path:
        return TOOLS / self.name / "release"


async def _run(*command: str) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    _, said = await process.communicate()
    if process.returncode:
        raise NotInstalled(f"{' '.join(command)}: {said.decode()}")
