"""An event in the wire form of each door, made once for all who get the same."""

from collections.abc import Callable
from typing import Final

from blackroad.edge.chat.frames import chat_block, chat_socket_json
from blackroad.edge.frames import sse
from blackroad.edge.frames.event import content_json, event_json, one_line
from blackroad.edge.transport import deflated_frame, text_frame
from blackroad.realtime.v1 import event_pb2

WEBSOCKET: Final = "websocket"
WEBSOCKET_DEFLATED: Final = "websocket_deflated"
SSE: Final = "sse"
SSE_FULL: Final = "sse_full"
SSE_UNNAMED: Final = "sse_unnamed"
CHAT: Final = "chat"
CHAT_SOCKET: Final = "chat_socket"
UPDATES: Final = "updates"
"""Events as they are: a serialized Delivery, of which several in a row are one."""


def render(event: event_pb2.Event, rendering: str, request_id: str) -> bytes:
    """Return the wire form; `request_id` is the caller's own id, for events of its answer."""
    return _RENDERINGS[rendering](event, request_id)


def _websocket(event: event_pb2.Event, request_id: str) -> bytes:
    return text_frame(event_json(event, request_id))


def _websocket_deflated(event: event_pb2.Event, request_id: str) -> bytes:
    return deflated_frame(event_json(event, request_id))


def _sse(event: event_pb2.Event, request_id: str) -> bytes:
    return sse.block(content_json(event, request_id), event.type, event.cursor)


def _sse_full(event: event_pb2.Event, request_id: str) -> bytes:
    return sse.block(one_line(event_json(event, request_id)), event.type, event.cursor)


def _sse_unnamed(event: event_pb2.Event, request_id: str) -> bytes:
    return sse.block(one_line(event_json(event, request_id)), "", event.cursor)


def _chat(event: event_pb2.Event, _request_id: str) -> bytes:
    return chat_block(event)


def _chat_socket(event: event_pb2.Event, request_id: str) -> bytes:
    return text_frame(chat_socket_json(event, request_id))


def _updates(event: event_pb2.Event, _request_id: str) -> bytes:
    return event_pb2.Delivery(events=[event]).SerializeToString()


_RENDERINGS: Final[dict[str, Callable[[event_pb2.Event, str], bytes]]] = {
    WEBSOCKET: _websocket,
    WEBSOCKET_DEFLATED: _websocket_deflated,
    SSE: _sse,
    SSE_FULL: _sse_full,
    SSE_UNNAMED: _sse_unnamed,
    CHAT: _chat,
    CHAT_SOCKET: _chat_socket,
    UPDATES: _updates,
}
