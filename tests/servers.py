"""Real servers of Redis and Valkey for tests, on unix sockets, ended with the test process."""

import atexit
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from blackroad.core.log.redis.address import Address, Kind
from blackroad.core.log.redis.embedded import server_binary

START_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.01
# Ends the server when the process that started it is gone, however it went.
LIFELINE: Final = (
    "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 9); os.execv(sys.argv[1], sys.argv[1:])"
)


class Server:
    """One server without persistence, in a folder of its own. It can be stopped and started."""

    def __init__(self, binary: str, *options: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.socket = str(self.folder / "server.sock")
        self.port = free_port()
        self._words = [binary, "--bind", "127.0.0.1", "--unixsocket", self.socket]
        self._words += ["--save", "", "--logfile", "log", "--dir", str(self.folder), *options]
        self.process = self._started(anywhere=True)

    @property
    def address(self) -> Address:
        """How a log reaches it."""
        return Address(Kind.SINGLE, socket=self.socket)

    def ask(self, *words: str) -> str:
        """Return the beginning of the answer to a command, as it comes over the wire."""
        return ask(self.socket, *words)

    def _started(self, *, anywhere: bool = False) -> "subprocess.Popen[bytes]":
        """Start it, at another port where it may be `anywhere` and somebody has taken this one."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            words = [*self._words, "--port", str(self.port)]
            process = subprocess.Popen([sys.executable, "-c", LIFELINE, *words])
            if answers(self.socket, process):
                return process
            if time.monotonic() > deadline:
                raise AssertionError(f"it does not start:\n{(self.folder / 'log').read_text()}")
            if anywhere:
                self.port = free_port()
            time.sleep(POLL_SECONDS)

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


def ask(path: str, *words: str) -> str:
    """Return the beginning of what a server at a unix socket answers to a command."""
    command = [f"*{len(words)}", *[f"${len(word)}\r\n{word}" for word in words], ""]
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(START_SECONDS)
        line.connect(path)
        line.sendall("\r\n".join(command).encode())
        return line.recv(1 << 16).decode()


def free_port() -> int:
    """Return a port that nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def wait_until(condition: Callable[[], bool]) -> None:
    """Return once something about servers is true."""
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("not true in time")
        time.sleep(POLL_SECONDS)


def answers(path: str, process: "subprocess.Popen[bytes]") -> bool:
    """Return True once a server answers at a unix socket; False where it has ended."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(1)
                probe.connect(path)
                probe.sendall(b"PING\r\n")
                if probe.recv(16).startswith(b"+PONG"):
                    return True
        except OSError:
            pass
        if process.poll() is not None:
            return False
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"no server answers at {path}")


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
    return lasting(debian_binary())


def debian_binary() -> str:
    """Return the server of Debian's; skip the test where it is not installed."""
    found = shutil.which("redis-server")
    if found is None:
        pytest.skip("redis-server is not installed")
    return found


class Cluster:
    """Three masters that share the slots."""

    def __init__(self) -> None:
        options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port")
        buses = [free_port() for _ in range(3)]
        self.servers = [lasting(server_binary(), [*options, str(bus)]) for bus in buses]
        bounds = (0, 5461, 10923, 16384)
        for server, start, end in zip(self.servers, bounds, bounds[1:], strict=False):
            server.ask("CLUSTER", "ADDSLOTSRANGE", str(start), str(end - 1))
        first = self.servers[0]
        for server in self.servers[1:]:
            server.ask("CLUSTER", "MEET", "127.0.0.1", str(first.port), str(buses[0]))
        wait_until(lambda: all(map(_whole, self.servers)))

    @property
    def address(self) -> Address:
        """How a log reaches it."""
        return Address(Kind.CLUSTER, tuple(("127.0.0.1", server.port) for server in self.servers))

    def owner(self, slot: int) -> int:
        """Return which server has a slot with keys in it."""
        return next(
            place
            for place, server in enumerate(self.servers)
            if server.ask("CLUSTER", "COUNTKEYSINSLOT", str(slot)) != ":0\r\n"
        )

    def move(self, slot: int) -> None:
        """Move a slot from its owner to another server, key by key."""
        identities = [server.ask("CLUSTER", "MYID").splitlines()[1] for server in self.servers]
        owner = self.owner(slot)
        other = (owner + 1) % len(self.servers)
        source, target = self.servers[owner], self.servers[other]
        target.ask("CLUSTER", "SETSLOT", str(slot), "IMPORTING", identities[owner])
        source.ask("CLUSTER", "SETSLOT", str(slot), "MIGRATING", identities[other])
        for key in source.ask("CLUSTER", "GETKEYSINSLOT", str(slot), "1000").splitlines()[2::2]:
            moved = source.ask("MIGRATE", "127.0.0.1", str(target.port), key, "0", "5000")
            if not moved.startswith("+"):
                raise AssertionError(moved)
        for server in (target, source):
            server.ask("CLUSTER", "SETSLOT", str(slot), "NODE", identities[other])

    def end(self) -> None:
        """End it for good."""
        for server in self.servers:
            server.end()


def _whole(server: Server) -> bool:
    said = server.ask("CLUSTER", "INFO")
    return "cluster_state:ok" in said and "cluster_known_nodes:3" in said


class Sentinels:
    """A master, its replica, and a sentinel that knows them as `main`."""

    def __init__(self) -> None:
        quick = ("--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1")
        self.master = lasting(server_binary(), quick)
        replica_of = ("--replicaof", f"127.0.0.1 {self.master.port}")
        self.replica = lasting(server_binary(), [*quick, *replica_of])
        configuration = Path(tempfile.mkdtemp(prefix="sentinel-")) / "sentinel.conf"
        configuration.write_text(
            f"sentinel monitor main 127.0.0.1 {self.master.port} 1\n"
            "sentinel down-after-milliseconds main 1000\n"
            "sentinel failover-timeout main 3000\n"
        )
        self.sentinel = Sentinel(configuration)
        wait_until(lambda: "slave0" in self.master.ask("INFO", "replication"))

    @property
    def address(self) -> Address:
        """How a log reaches it."""
        return Address(Kind.SENTINEL, (("127.0.0.1", self.sentinel.port),), service="main")

    def end(self) -> None:
        """End them for good."""
        self.sentinel.kill()
        for server in (self.master, self.replica):
            server.end()


class Sentinel:
    """One sentinel."""

    def __init__(self, configuration: Path) -> None:
        self.port = free_port()
        words = [server_binary(), str(configuration), "--sentinel"]
        words += ["--port", str(self.port), "--bind", "127.0.0.1", "--logfile", ""]
        self.process = subprocess.Popen(
            [sys.executable, "-c", LIFELINE, *words], stdout=subprocess.DEVNULL
        )
        atexit.register(self.kill)

    def kill(self) -> None:
        """End it at once. Idempotent."""
        self.process.kill()
        self.process.wait(START_SECONDS)


@cache
def cluster() -> Cluster:
    """Return the one Cluster of this process."""
    return Cluster()


@cache
def sentinels() -> Sentinels:
    """Return the one master of this process that a sentinel watches."""
    return Sentinels()
