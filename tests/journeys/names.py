"""A name server of the test's own on loopback, so that a name may stand for changing addresses."""

import socketserver
import struct
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import Final

NAME: Final = "cores.test"
A_RECORD: Final = 1
ANSWER: Final = 0x8180  # an answer, recursion desired and available, no error
UNKNOWN: Final = 0x8183  # there is no such name
HEAD_BYTES: Final = 12


class Names:
    """The addresses that one name has now, and how often it was asked for."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self.addresses = list(addresses)
        self.asked = 0

    def answer(self, query: bytes) -> bytes:
        """Answer a query of one question: what is not known is no such name."""
        end = query.index(b"\0", HEAD_BYTES) + 1
        question = query[HEAD_BYTES : end + 4]
        (kind,) = struct.unpack_from("!H", query, end)
        known = _name(question) == NAME
        addresses = self.addresses if known and kind == A_RECORD else []
        self.asked += bool(addresses)
        head = struct.pack("!HHHHH", ANSWER if known else UNKNOWN, 1, len(addresses), 0, 0)
        return query[:2] + head + question + b"".join(map(_record, addresses))


def _name(question: bytes) -> str:
    labels: list[str] = []
    place = 0
    while size := question[place]:
        labels.append(question[place + 1 : place + 1 + size].decode().lower())
        place += 1 + size
    return ".".join(labels)


def _record(address: str) -> bytes:
    """Return an address of the question's name that holds for no time at all."""
    return struct.pack("!HHHIH", 0xC00C, A_RECORD, 1, 0, 4) + IPv4Address(address).packed


@contextmanager
def naming(*addresses: str) -> Generator[tuple[Names, str]]:
    """Answer in a thread while the context lasts; give also what goes before `:port`."""
    names = Names(addresses)

    class Handler(socketserver.DatagramRequestHandler):
        def handle(self) -> None:
            self.wfile.write(names.answer(self.rfile.read()))

    with socketserver.UDPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield names, f"dns://127.0.0.1:{server.server_address[1]}/{NAME}"
        finally:
            server.shutdown()
            thread.join()
