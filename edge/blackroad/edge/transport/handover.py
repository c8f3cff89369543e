"""The opening handshake of a WebSocket: checked here, decided by the app, finished here."""

import base64
import binascii
import logging
from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Final, cast

from starlette.types import ASGIApp, Message, Scope
from wsproto.utilities import generate_accept_token

from blackroad.edge.transport.deflate import ANSWER, accepts
from blackroad.edge.transport.refusal import Headers, head
from blackroad.edge.transport.socket import Socket

if TYPE_CHECKING:
    from blackroad.edge.transport.handler import SocketHandler
    from blackroad.edge.transport.http import HttpProtocol

EXTENSION: Final = "blackroad.websocket"
_KEY_BYTES = 16
_WANTED = {b"upgrade": b"websocket", b"connection": b"upgrade", b"sec-websocket-version": b"13"}

_logger = logging.getLogger(__name__)


class WebSocketHandover:
    """A handshake that waits for the app's decision: accept or refuse, once, then return.

    An app that returns without either is answered with 500; so is one that raises. After
    `Limits.handshake_seconds` the peer has been answered with 408. Of ASGI's own messages only
    `websocket.close` (403) and the denial response are understood.
    """

    __slots__ = ("_connection", "_deflates", "_denial", "_early", "_key", "_offered", "_scope")

    def __init__(self, connection: "HttpProtocol", scope: Scope, early: bytes) -> None:
        fields = _fields(scope)
        self._connection: HttpProtocol | None = connection
        self._scope: Scope | None = scope
        self._early = early
        self._key = fields[b"sec-websocket-key"]
        self._offered = tokens(fields.get(b"sec-websocket-protocol", b""))
        offers = fields.get(b"sec-websocket-extensions", b"")
        self._deflates = connection.process.limits.compress and accepts(offers)
        self._denial: tuple[int, Headers] = (403, ())
        scope["subprotocols"] = self._offered
        scope["extensions"] = {EXTENSION: self, "websocket.http.response": {}}

    @classmethod
    def begin(cls, connection: "HttpProtocol", early: bytes) -> "WebSocketHandover | None":
        """Return the handover of a well-formed handshake; another is refused with 400 or 426."""
        scope = connection.websocket_scope()
        status = _fault(scope)
        if status:
            more = ((b"sec-websocket-version", b"13"),) if status == 426 else ()
            connection.refuse(status, headers=more)
            return None
        return cls(connection, scope, early)

    @staticmethod
    def of(scope: Scope) -> "WebSocketHandover":
        """Return a websocket scope's handover. Raises TypeError where the server is not ours."""
        extensions = cast("MutableMapping[str, object]", scope.get("extensions", {}))
        found = extensions.get(EXTENSION)
        if not isinstance(found, WebSocketHandover):
            raise TypeError("serve the app with Transport.http_protocol()")
        return found

    @property
    def decided(self) -> bool:
        """Say whether accept or refuse was called."""
        return self._connection is None

    def accept(
        self, handler: "SocketHandler", subprotocol: str = "", headers: Headers = ()
    ) -> Socket:
        """Finish the handshake and return the open socket; `on_text` comes in a later turn.

        A peer that has gone meanwhile makes no difference, but that `on_close(1006)` comes before
        this returns. Raises ValueError for a subprotocol that was not offered, RuntimeError if it
        is decided already.
        """
        if subprotocol and subprotocol not in self._offered:
            raise ValueError("a subprotocol that the client did not offer")
        response = head(101, [*self._answer(subprotocol), *headers])
        connection = self._decide()
        process, wire = connection.process, connection.transport
        socket = Socket(process, wire, handler, deflates=self._deflates)
        if connection.lost:
            socket.connection_lost(None)
        else:
            connection.hand_over_socket(socket, response, self._early)
        return socket

    def refuse(self, status: int, body: bytes | None = None, headers: Headers = ()) -> None:
        """Answer with an HTTP status; without a body with a problem document.

        Raises RuntimeError if it is decided already.
        """
        self._decide().refuse(status, body, headers)

    async def run(self, app: ASGIApp) -> None:
        """Let the app decide; the server's part."""
        scope = self._scope
        if scope is None:
            raise RuntimeError("a handshake runs once")
        self._scope = None
        try:
            await app(scope, self._receive, self._send)
        except Exception:  # the app's fault ends this handshake only
            _logger.exception("the app failed in a handshake")
        finally:
            if not self.decided:
                self.refuse(500)

    def _answer(self, subprotocol: str) -> list[tuple[bytes, bytes]]:
        fields = [
            (b"upgrade", b"websocket"),
            (b"connection", b"Upgrade"),
            (b"sec-websocket-accept", generate_accept_token(self._key)),
        ]
        if self._deflates:
            fields.append((b"sec-websocket-extensions", ANSWER))
        if subprotocol:
            fields.append((b"sec-websocket-protocol", subprotocol.encode("latin-1")))
        return fields

    def _decide(self) -> "HttpProtocol":
        connection, self._connection = self._connection, None
        if connection is None:
            raise RuntimeError("the handshake is decided")
        return connection

    async def _receive(self) -> Message:
        return {"type": "websocket.connect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "websocket.close":
            self.refuse(403)
        elif message["type"] == "websocket.http.response.start":
            self._denial = (int(message["status"]), list(message.get("headers", ())))
        elif message["type"] == "websocket.http.response.body":
            self.refuse(self._denial[0], bytes(message.get("body", b"")), self._denial[1])
        else:
            raise RuntimeError("accept by the handover, not by ASGI")


def tokens(value: bytes) -> list[str]:
    """Split a list of a header's value."""
    return [token.strip() for token in value.decode("latin-1").split(",") if token.strip()]


def _fields(scope: Scope) -> dict[bytes, bytes]:
    """Join the fields of each name (RFC 9110, 5.3)."""
    joined: dict[bytes, bytes] = {}
    for name, value in cast("list[tuple[bytes, bytes]]", scope["headers"]):
        joined[name] = joined[name] + b"," + value if name in joined else value
    return joined


def _fault(scope: Scope) -> int:
    """Return the status that a malformed handshake gets, 0 for a good one (RFC 6455, 4.2.1)."""
    fields = _fields(scope)
    if scope["http_version"] != "1.1" or b"host" not in fields or not _is_key(fields):
        return 400
    if fields.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in fields:
        return 400
    for name, wanted in _WANTED.items():
        if wanted.decode() not in (token.lower() for token in tokens(fields.get(name, b""))):
            return 426 if name == b"sec-websocket-version" else 400
    return 0


def _is_key(fields: dict[bytes, bytes]) -> bool:
    try:
        key = base64.b64decode(fields.get(b"sec-websocket-key", b""), validate=True)
    except binascii.Error:
        return False
    return len(key) == _KEY_BYTES
