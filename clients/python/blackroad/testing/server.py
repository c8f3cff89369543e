"""A real installation for tests: `blackroad up` on free ports, ended with the tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Final, NotRequired, TypedDict

from blackroad.client import Agent, Client
from blackroad.client import sync as synchronous
from blackroad.testing.serving import Serving

START_SECONDS: Final = 60.0
END_SECONDS: Final = 10.0
# What is fixed so that every machine gives the same answers, and no test meets what is in use.
_OWN: Final = {
    "HTTP": "127.0.0.1:0",
    "GRPC": "127.0.0.1:0",
    "MODELS__DEFAULT": "builtin/echo",
    "LOGGING__LEVEL": "warning",
}
_PREFIX: Final = "BLACKROAD_"
_OTHERS: Final = frozenset({"REDIS_URL", "POD_NAME"})


class ServerError(Exception):
    """The server does not start; the text is what it said."""


@dataclass(frozen=True, slots=True)
class RealtimeServer:
    """A running server: `url` for gRPC, `http` for browsers and the HTTP API.

    The agents LUCIDIA, ALICE, OCTAVIA, PRISM and ECHO are there, and answer by `builtin/echo`.
    """

    url: str
    http: str

    def client(self, token: str | None = None) -> Client:
        """Return a client, for `async with`."""
        return Client(self.url, token)

    def sync_client(self, token: str | None = None) -> synchronous.Client:
        """Return a client for `with`."""
        return synchronous.Client(self.url, token)

    def serving(self, *agents: Agent, token: str | None = None) -> Serving:
        """Serve agents while `async with` or `with` lasts; it gives a client to ask them with."""
        return Serving(self.url, agents, token)


class _Said(TypedDict):
    ready: NotRequired[dict[str, str]]
    failed: NotRequired[str]


@contextmanager
def start(settings: Mapping[str, str] | None = None) -> Generator[RealtimeServer]:
    """Run `blackroad up` while the context lasts; settings are named as in the environment.

    No other BLACKROAD_* of the environment counts, and no blackroad.toml. The server ends also when
    this process is killed. Raises ServerError.
    """
    ours, theirs = socket.socketpair()
    with (
        ours,
        tempfile.TemporaryDirectory(prefix="blackroad-") as folder,
        tempfile.TemporaryFile("w+") as log,
    ):
        with theirs:
            process = _spawn(theirs.fileno(), settings or {}, folder, log)
        try:
            addresses = _ready(ours, log)
            grpc, http = addresses["grpc"], addresses["http"]
            secure = grpc.startswith("grpcs://")
            yield RealtimeServer(
                grpc if secure else f"grpc://{grpc}", f"http{'s' if secure else ''}://{http}"
            )
        finally:
            _end(process)


def _spawn(
    lifeline: int, settings: Mapping[str, str], folder: str, log: IO[str]
) -> "subprocess.Popen[bytes]":
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_PREFIX) and name not in _OTHERS
    }
    ours = {f"{_PREFIX}{name}": value for name, value in (_OWN | dict(settings)).items()}
    return subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "blackroad.cli", "up", "--lifeline", str(lifeline)],
        cwd=folder,
        env=kept | ours,
        pass_fds=[lifeline],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log,
        start_new_session=True,
    )


def _ready(line: socket.socket, log: IO[str]) -> dict[str, str]:
    line.settimeout(START_SECONDS)
    with line.makefile() as lines:
        try:
            text = lines.readline()
        except TimeoutError:
            text = ""
    said: _Said = json.loads(text or "{}")
    if "ready" in said:
        return said["ready"]
    log.seek(0)
    raise ServerError(f"blackroad up does not start\n{said.get('failed', '')}\n{log.read()}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ask it once, then kill what is left: nobody is connected any more who would mind."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)  # a second one ends all of it at once
        process.wait(END_SECONDS)
