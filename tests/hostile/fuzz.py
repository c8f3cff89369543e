"""Coverage-guided fuzzing of what reads bytes from outside: `make fuzz`, with atheris.

Each parser takes its input or refuses it in its own words; anything else that it raises is a find,
and ends the run with the input that did it.
"""

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from typing import Final, Protocol, cast


class Atheris(Protocol):
    """What is used of atheris, which has no types and is no dependency of anything."""

    def instrument_imports(self, include: Sequence[str]) -> AbstractContextManager[None]:
        """Count the branches of what is imported inside."""
        ...

    def Setup(self, arguments: Sequence[str], target: Callable[[bytes], None]) -> None:
        """Say what to call."""
        ...

    def Fuzz(self) -> None:
        """Call it until the time is over."""
        ...


atheris: Final = cast("Atheris", import_module("atheris"))

with atheris.instrument_imports(include=["blackroad"]):
    from google.protobuf.message import DecodeError

    from blackroad.core.errors import Code, Rejection
    from blackroad.core.json_text import check_json
    from blackroad.core.log.cursor import decode_cursor
    from blackroad.core.names import check_name, check_pattern, check_type
    from blackroad.core.topics import Topics
    from blackroad.edge.chat.models import decode_chat, decode_socket
    from blackroad.edge.errors import MEANINGS, Refusal
    from blackroad.edge.frames import client
    from blackroad.realtime.v1 import channel_pb2, gateway_pb2, stream_pb2

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32


def frame(data: bytes) -> None:
    """Read a frame of the WebSocket, and of the one for chat."""
    found = client.decode(data, MAX_BYTES, MAX_DEPTH)
    if isinstance(found, client.BadFrame):
        assert found.refusal.code in MEANINGS
    for decode in (decode_socket, decode_chat):
        try:
            decode(data, MAX_BYTES, MAX_DEPTH)
        except Refusal as refusal:
            assert refusal.code in MEANINGS  # noqa: PT017 - of any bytes


def pattern(data: bytes) -> None:
    """Check a name, a pattern, a type; and the trie that patterns stand in."""
    text = data.decode(errors="replace")
    for check in (check_name, check_pattern, check_type):
        try:
            checked = check(text)
        except Rejection:
            continue
        topics: Topics[str] = Topics()
        topics.add(checked, "follower")
        assert list(topics.match(text)) in (["follower"], [])
        topics.remove(checked, "follower")


def cursor(data: bytes) -> None:
    """Read a cursor; one that decodes names places that can be."""
    try:
        decoded = decode_cursor(data.decode(errors="replace"))
    except Rejection as rejection:
        assert rejection.code is Code.INVALID_CURSOR  # noqa: PT017 - of any bytes
    else:
        assert all(place >= 0 for places in decoded.places for place in places)


def document(data: bytes) -> None:
    """Check the JSON of a service: what is taken is JSON."""
    text = data.decode(errors="replace")
    try:
        check_json(text)
    except Rejection as rejection:
        assert rejection.code is Code.BAD_FRAME  # noqa: PT017 - of any bytes
    else:
        json.loads(text)


def proto(data: bytes) -> None:
    """Parse frames of gRPC; what was parsed can be said again."""
    for kind in (channel_pb2.ConnectRequest, stream_pb2.ServeRequest, gateway_pb2.TrunkRequest):
        try:
            kind.FromString(data).SerializeToString()
        except DecodeError:
            continue


TARGETS: Final[Mapping[str, Callable[[bytes], None]]] = {
    each.__name__: each for each in (frame, pattern, cursor, document, proto)
}


if __name__ == "__main__":
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
