"""The WebSocket's handshake: who comes, and whether."""

from typing import Final

from starlette.websockets import WebSocket

from blackroad.edge.context import Context
from blackroad.edge.credentials import BEARER_SUBPROTOCOL, SUBPROTOCOL
from blackroad.edge.errors import Refusal
from blackroad.edge.frames import server
from blackroad.edge.identifiers import client_id_of
from blackroad.edge.transport import Socket, WebSocketHandover, text_frame
from blackroad.edge.websocket.peer import Peer
from blackroad.realtime.v1 import admin_pb2

DRAINING_SECONDS: Final = 2.0


async def accept(context: Context, websocket: WebSocket, segment: bytes) -> None:
    """Open a session, accept, and hand the socket over; a refusal is told in band.

    `segment` is the client's id as the path spells it.
    """
    handover = WebSocketHandover.of(websocket.scope)
    try:
        check_subprotocols(websocket)
        if context.draining:
            raise Refusal("draining", retry_after_seconds=DRAINING_SECONDS)
        opening = context.opening(websocket, client_id_of(segment), admin_pb2.DOOR_WEBSOCKET)
        session = await context.trunk.open(opening)
    except Refusal as refusal:
        refuse(handover, websocket, refusal)
        return
    peer = Peer(context, session)
    peer.begin(handover.accept(peer, selected_subprotocol(websocket)))


def check_subprotocols(websocket: WebSocket) -> None:
    """Refuse a client that offers versions, and not this one."""
    offered: list[str] = websocket.scope.get("subprotocols", [])
    others = [name for name in offered if not name.startswith(BEARER_SUBPROTOCOL)]
    if others and SUBPROTOCOL not in others:
        raise Refusal("bad_frame", f"the subprotocol is {SUBPROTOCOL}")


def selected_subprotocol(websocket: WebSocket) -> str:
    """Return what to select: never a token."""
    offered: list[str] = websocket.scope.get("subprotocols", [])
    return SUBPROTOCOL if SUBPROTOCOL in offered else ""


def refuse(handover: WebSocketHandover, websocket: WebSocket, refusal: Refusal) -> None:
    """Accept, say `closing`, and close: a browser cannot see an HTTP refusal."""
    if handover.decided:
        return
    socket = handover.accept(Refused(), selected_subprotocol(websocket))
    say_closing(socket, refusal)


def say_closing(socket: Socket, refusal: Refusal) -> None:
    """Send the `closing` frame and close with the code's close code."""
    socket.write(text_frame(server.encode(server.closing_of(refusal))))
    socket.close(refusal.meaning.close_code, refusal.code)


class Refused:
    """Hears nothing more of a socket that was refused."""

    __slots__ = ()

    def on_text(self, payload: bytes) -> None:
        """Do nothing."""

    def on_binary(self, payload: bytes) -> None:
        """Do nothing."""

    def on_backlog(self, waiting: bool) -> None:
        """Do nothing."""

    def on_beat(self) -> None:
        """Do nothing."""

    def on_close(self, code: int) -> None:
        """Do nothing."""
