"""A WebSocket to an edge: texts out, texts in, and one end."""

import asyncio
import ssl
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import quote

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    Ping,
    RejectConnection,
    Request,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError

from blackroad.client.errors import Ended, Unauthenticated, Unavailable

CONNECT_SECONDS: Final = 10.0
# A server pings every 25 s and is answered here: after so long it is gone.
SILENCE_SECONDS: Final = 60.0
_PIECE: Final = 256 << 10


@dataclass(frozen=True, slots=True)
class Place:
    """Where an edge is, and how it is known."""

    host: str
    port: int
    trust: ssl.SSLContext | None
    server_name: str | None = None

    @property
    def name(self) -> str:
        """The address for people, and for the header `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class Socket:
    """One connection. `abort` ends it at once; a `receive` that waits then returns None."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._wire = WSConnection(ConnectionType.CLIENT)
        self._texts: list[str] = []
        self._piece: list[str] = []
        self._accepted = False
        self._over = False

    @classmethod
    async def connect(cls, place: Place, client_id: str, token: str | None) -> Self:
        """Connect. Raises Unavailable, and Ended for what will not pass."""
        name = place.server_name or place.host if place.trust else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_connection(
                    place.host, place.port, ssl=place.trust, server_hostname=name
                )
                socket = cls(reader, writer)
                try:
                    await socket._shake_hands(place.name, client_id, token)
                except BaseException:
                    socket.abort()
                    raise
        except (OSError, TimeoutError) as error:
            where = f"no edge answers at {place.name}"
            raise Unavailable("unavailable", where, retryable=True) from error
        return socket

    async def _shake_hands(self, host: str, client_id: str, token: str | None) -> None:
        headers = [(b"authorization", f"Bearer {token}".encode())] if token else []
        target = f"/ws/{quote(client_id, safe='')}"
        self._send(Request(host, target, subprotocols=["blackroad.v1"], extra_headers=headers))
        while not self._accepted:
            if not await self._read():
                raise Unavailable("unavailable", f"{host} ended the connection", retryable=True)

    async def send(self, text: str) -> None:
        """Send a text; wait where the other side does not keep up. Raises OSError."""
        if not self._over:
            self._send(TextMessage(text))
            await self._writer.drain()

    async def receive(self) -> str | None:
        """Return the next text; None at the end."""
        while not self._texts:
            try:
                async with asyncio.timeout(SILENCE_SECONDS):
                    if not await self._read():
                        return None
            except (OSError, TimeoutError):
                self.abort()
                return None
        return self._texts.pop(0)

    def abort(self) -> None:
        """End it at once. Idempotent."""
        self._over = True
        self._writer.transport.abort()

    def _send(self, event: Event) -> None:
        self._writer.write(self._wire.send(event))

    async def _read(self) -> bool:
        """Take what has come; False at the end."""
        data = await self._reader.read(_PIECE)
        if self._over or not data:
            self.abort()
            return False
        try:
            self._wire.receive_data(data)
            for event in self._wire.events():
                self._take(event)
        except RemoteProtocolError:
            self.abort()
        return not self._over or bool(self._texts)

    def _take(self, event: Event) -> None:
        match event:
            case TextMessage(data=str(data), message_finished=finished):
                self._piece.append(data)
                if finished:
                    self._texts.append("".join(self._piece))
                    self._piece = []
            case Ping():
                self._send(event.response())
            case AcceptConnection():
                self._accepted = True
            case RejectConnection(status_code=status):
                raise _refusal(status)
            case CloseConnection():
                self._send(event.response())
                self.abort()
            case _:
                return


def _refusal(status: int) -> Ended:
    said = f"the edge answered {status}"
    if status == 401:
        return Unauthenticated("unauthenticated", said)
    if status == 403:
        return Ended("forbidden", said)
    if status == 429 or status >= 500:
        return Unavailable("unavailable", said, retryable=True)
    return Ended("bad_frame", said)
