"""Real servers of Redis and Valkey for tests, on unix sockets, ended with the test process."""

import atexit
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Final

from blackroad.core.log.redis.embedded import server_binary

START_SECONDS: Final = 10.0
DEBIAN: Final = shutil.which("redis-server")
# Ends the server when the process that started it is gone, however it went.
LIFELINE: Final = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
)


class Server:
    """One server without persistence, in a folder of its own. It can be stopped and started."""

    def __init__(self, binary: str, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.socket = str(self.folder / "server.sock")
        self._words = [binary, "--port", "0", "--unixsocket", self.socket, "--save", ""]
        self._words += ["--dir", str(self.folder), "--logfile", "log", *options]
        self.process = self._started()

    def _started(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen([sys.executable, "-c", LIFELINE, *self._words])
        answers(self.socket)
        return process

    def restart(self) -> None:
        """Kill it, and start it anew."""
        self.kill()
        self.process = self._started()

    def kill(self) -> None:
        """End it at once. Idempotent."""
        self.process.kill()
        self.process.wait(START_SECONDS)

    def end(self) -> None:
        """End it for good."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def answers(path: str) -> None:
    """Return once a server answers at a unix socket."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(path)
                probe.sendall(b"PING\r\n")
                if probe.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise AssertionError(f"no server answers at {path}")
        time.sleep(0.01)


def lasting(binary: str, options: Sequence[str] = ()) -> Server:
    """Return a server that ends with this process."""
    server = Server(binary, *options)
    atexit.register(server.end)
    return server


@cache
def valkey() -> Server:
    """Return the one Valkey of this process."""
    return lasting(server_binary())


@cache
def debian() -> Server:
    """Return the one Redis of Debian's of this process."""
    if DEBIAN is None:
        raise AssertionError("redis-server is not installed")
    return lasting(DEBIAN)
