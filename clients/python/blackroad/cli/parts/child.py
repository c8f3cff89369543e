"""One child process of `up`: in a group of its own, on a lifeline, ended by one SIGTERM."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NotRequired, TypedDict

START_SECONDS: Final = 60.0


class Said(TypedDict):
    """What a child writes on its lifeline: where it is ready, or why it cannot be."""

    ready: NotRequired[dict[str, str]]
    failed: NotRequired[str]
    status: NotRequired[int]


class ChildError(Exception):
    """A child ended, or did not become ready. `status` is what `up` exits with."""

    def __init__(self, name: str, status: int, text: str) -> None:
        self.status = status
        super().__init__(f"{name} {text}")


class Child:
    """A part that runs as a process of its own."""

    def __init__(
        self,
        name: str,
        process: asyncio.subprocess.Process,
        line: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.name = name
        self._process = process
        self._line, self._line_end = line  # while the writer lives, the child does

    @classmethod
    async def start(cls, name: str, flags: Sequence[str], environ: Mapping[str, str]) -> "Child":
        """Start `blackroad NAME` with a lifeline."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # whatever lies in the folder where somebody calls `up` is no module of ours
                *("-m", "blackroad.cli", name, "--lifeline", str(theirs.fileno()), *flags),
                pass_fds=[theirs.fileno()],
                env=dict(environ),
                stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )
        return cls(name, process, await asyncio.open_connection(sock=ours))

    @property
    def pid(self) -> int:
        """The process, and its group."""
        return self._process.pid

    def abandon(self) -> None:
        """Close the lifeline: the child takes it that `up` has gone."""
        self._line_end.close()

    async def ready(self) -> dict[str, str]:
        """Return where the child serves; raise `ChildError` where it ended, or takes a minute."""
        try:
            async with asyncio.timeout(START_SECONDS):
                line = await self._line.readline()
        except TimeoutError:
            raise ChildError(self.name, 1, "did not become ready in time") from None
        if not line:
            raise ChildError(self.name, await self.ended(), "ended before it was ready")
        said: Said = json.loads(line)
        if "failed" in said:
            raise ChildError(self.name, said.get("status", 1), f"cannot start: {said['failed']}")
        return said.get("ready", {})

    async def ended(self) -> int:
        """Return the exit status, as a shell would say it, when the child has ended."""
        status = await self._process.wait()
        return 128 - status if status < 0 else status

    def drain(self) -> None:
        """Ask the child to drain."""
        self._signal(signal.SIGTERM)

    async def end(self, grace_seconds: float) -> None:
        """Wait for a child that drains; kill its group where it takes longer."""
        try:
            async with asyncio.timeout(grace_seconds):
                await self._process.wait()
        except TimeoutError:
            pass  # it hangs
        await self.kill()

    async def kill(self) -> None:
        """End the child's whole group at once, where it still runs. Idempotent."""
        self.strike()
        await self._process.wait()
        self._line_end.close()
        with contextlib.suppress(OSError):
            await self._line_end.wait_closed()

    def strike(self) -> None:
        """Send SIGKILL to the child's whole group, where it still runs; do not wait."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            self._process.send_signal(number)
