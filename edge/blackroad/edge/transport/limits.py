"""The bounds of a connection: bytes, fields and seconds."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What a peer may cost. Deployments keep these; a test may lower any of them."""

    head_seconds: float = 10.0
    """From the connection's beginning, or a later request's first byte, to the head's end."""
    head_bytes: int = 16 * KIB
    head_fields: int = 100
    body_seconds: float = 60.0
    """From the head's end to the body's end."""
    body_pace_seconds: float = 10.0
    body_bytes_per_pace: int = 8 * KIB
    """What comes of a body in so many seconds, at least; else it comes too slowly."""
    body_bytes: int = 6 * MIB
    """The most that any route takes; `limit_body` lowers it for one request."""
    handshake_seconds: float = 10.0
    """From the head's end until the app has accepted or refused a WebSocket."""
    message_bytes: int = 6 * MIB
    """A WebSocket message, in all its fragments; above it the close code is 1009."""
    ping_seconds: int = 25
    pong_seconds: int = 8
    comment_seconds: int = 15
    write_seconds: float = 5.0
    """How long a peer that reads nothing may hold up an ordinary response, or a close frame."""
    progress_bytes: int = 4 * KIB
    """What must be read in that time, or while a backlog stands, to count as progress."""
    messages_per_second: int = 4000
    bytes_per_second: int = 16 * MIB
    """Of one WebSocket. What is more waits in the kernel, and so with who sends it."""
    compress: bool = False
    """Whether WebSockets that offer permessage-deflate get it."""
    stall_seconds: float = 30.0
    """How long a backlog may stand still before the socket is closed with 4413."""
