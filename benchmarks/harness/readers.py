"""The browsers of a benchmark: raw sockets in a process that is not measured, which count."""

import select
import socket
import time
import traceback
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, cast

from benchmarks.harness.measure import WrongCount
from benchmarks.harness.remote import Failure, Pipe, Remote
from benchmarks.harness.wire import Kind, Parser, Piece, hello

AT_ONCE: Final = 50
READ_BYTES: Final = 1 << 18
CONNECT_SECONDS: Final = 20.0
STEP: Final = 256
ROUND_SECONDS: Final = 90.0
HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Connect:
    """Open so many sockets that follow a room; events of a room count from 1."""

    kind: Kind
    port: int
    room: str
    count: int
    first: int = 0  # client's number: two clients of one name are one user


@dataclass(frozen=True, slots=True)
class Expect:
    """Await events on every socket up to a number; with `timed` tell how old each was."""

    upto: int
    timed: bool = False


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Close every socket."""


Order = Connect | Expect | Disconnect


@dataclass(slots=True)
class Heard:
    """What came since the last time: deliveries on all sockets together, and their ages."""

    deliveries: int = 0
    ages_ns: list[int] = field(default_factory=list)


Readers = Remote[Order, Heard]


def readers(progress: Pipe | None = None) -> AbstractAsyncContextManager[Readers]:
    """Run a process of readers; it tells by `progress` up to which number all of them have come."""
    return Remote[Order, Heard](partial(_main, progress))


class _Reader:
    """One browser."""

    __slots__ = ("came", "head", "ready", "rest", "wire")

    def __init__(self, connected: socket.socket) -> None:
        self.wire = connected
        self.rest = b""
        self.came = 0
        self.head = False
        self.ready = False


class _Readers:
    """Reads all sockets, and takes orders meanwhile."""

    def __init__(self, pipe: Pipe, progress: Pipe | None) -> None:
        self._pipe = pipe
        self._progress = progress
        self._room = memoryview(bytearray(READ_BYTES))
        self._epoll = select.epoll()
        self._epoll.register(pipe.fileno(), select.EPOLLIN)
        self._readers: dict[int, _Reader] = {}
        self._parser = Parser(Kind.WEBSOCKET)
        self._expected: Expect | None = None
        self._deadline = 0.0
        self._timed = False
        self._deliveries = 0
        self._ages_ns: list[int] = []
        self._mark = STEP
        self._at_mark = 0

    def run(self) -> None:
        """Serve until the pipe ends."""
        while True:
            try:
                self._turn()
            except EOFError:
                return
            except (OSError, WrongCount):
                self._pipe.send(Failure(traceback.format_exc()))
                return

    def _turn(self) -> None:
        # Who waits to be read is read first and understood after: nobody's clock runs on meanwhile.
        came: list[tuple[_Reader, bytes, int]] = []
        for number, _ in self._epoll.poll(0.5):
            if number in self._readers:
                reader = self._readers[number]
                came.append((reader, self._receive(reader), time.monotonic_ns()))
            elif number == self._pipe.fileno():
                self._take(cast("Order", self._pipe.recv()))
        for reader, data, now_ns in came:
            self._understand(reader, data, now_ns)
        self._check_deadline()

    def _take(self, order: Order) -> None:
        match order:
            case Connect():
                self._connect(order)
                self._pipe.send(Heard())
            case Expect():
                self._expected, self._timed = order, order.timed
                self._deadline = time.monotonic() + ROUND_SECONDS
                self._set_mark(min(reader.came for reader in self._readers.values()))
                self._advance()
            case Disconnect():
                for reader in self._readers.values():
                    reader.wire.close()
                self._readers.clear()
                self._pipe.send(Heard())

    def _connect(self, order: Connect) -> None:
        self._parser = Parser(order.kind)
        for first in range(0, order.count, AT_ONCE):
            fresh: list[_Reader] = []
            for number in range(first, min(first + AT_ONCE, order.count)):
                reader = _Reader(_connected(order.port))
                reader.wire.sendall(hello(order.kind, f"b{order.first + number}", order.room))
                fresh.append(reader)
            for reader in fresh:
                while not reader.ready:
                    self._understand(reader, self._receive(reader), 0)
                reader.wire.setblocking(False)
                self._readers[reader.wire.fileno()] = reader
                self._epoll.register(reader.wire.fileno(), select.EPOLLIN)

    def _receive(self, reader: _Reader) -> bytes:
        size = reader.wire.recv_into(self._room)
        if not size:
            raise WrongCount(f"a socket ended after {reader.came} events: {reader.rest!r}")
        return bytes(self._room[:size])

    def _understand(self, reader: _Reader, data: bytes, now_ns: int) -> None:
        if reader.rest:
            data = reader.rest + data
        if not reader.head:
            data = _without_head(reader, data)
        piece = self._parser.parse(data)
        reader.rest = data[piece.length :]
        reader.ready = reader.ready or piece.ready
        if piece.reply:
            reader.wire.sendall(piece.reply)
        if piece.count:
            if self._timed:
                self._ages_ns += [now_ns - sent_ns for sent_ns in piece.times]
            self._count(reader, piece)

    def _count(self, reader: _Reader, piece: Piece) -> None:
        if piece.first != reader.came + 1:
            raise WrongCount(f"event {piece.first} after {reader.came}")
        before = reader.came
        reader.came += piece.count
        self._deliveries += piece.count
        if before < self._mark <= reader.came:
            self._at_mark += 1
            self._advance()

    def _advance(self) -> None:
        """Tell how far all have come, mark by mark: looking at everybody is dear."""
        while self._readers and self._at_mark == len(self._readers):
            least = min(reader.came for reader in self._readers.values())
            if self._progress is not None:
                self._progress.send_bytes(least.to_bytes(8, "big"))
            if self._expected is not None and least >= self._expected.upto:
                self._finish(least)
            self._set_mark(least)

    def _set_mark(self, least: int) -> None:
        goal = least + STEP
        self._mark = min(goal, self._expected.upto) if self._expected else goal
        self._at_mark = sum(reader.came >= self._mark for reader in self._readers.values())

    def _finish(self, least: int) -> None:
        if any(reader.came > least for reader in self._readers.values()):
            raise WrongCount(f"more than {least} events came")
        self._expected = None
        self._pipe.send(Heard(self._deliveries, self._ages_ns))
        self._deliveries, self._ages_ns = 0, []

    def _check_deadline(self) -> None:
        if self._expected is not None and time.monotonic() > self._deadline:
            came = sorted(reader.came for reader in self._readers.values())
            upto = self._expected.upto
            raise WrongCount(f"{came[0]} to {came[-1]} of {upto} events came in time")


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), CONNECT_SECONDS)


def _without_head(reader: _Reader, data: bytes) -> bytes:
    head, found, rest = data.partition(HEAD_END)
    if not found:
        return data
    if b" 101 " not in head[:20] and b" 200 " not in head[:20]:
        raise WrongCount(f"refused: {head!r}")
    reader.head = True
    return rest


def _main(progress: Pipe | None, pipe: Pipe) -> None:
    _Readers(pipe, progress).run()
