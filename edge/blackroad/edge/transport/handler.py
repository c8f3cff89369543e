"""What the doors implement: the callbacks of a socket and of a stream of events."""

from typing import Final, Protocol


class Visit(Protocol):
    """One connection, as those see it who count connections."""

    @property
    def counted(self) -> bool:
        """Whether it counts for an address."""
        ...

    @property
    def refused_seconds(self) -> float:
        """When to come back, where it may not stay; else 0."""
        ...

    def end(self) -> None:
        """Count it no longer. Idempotent."""
        ...


class Admission(Protocol):
    """Who counts connections."""

    def visit(self, peer: str, /) -> Visit:
        """Take that a connection has come from an address."""
        ...

    def sweep(self) -> None:
        """Forget what need not be remembered; called every ten seconds."""
        ...


class StreamHandler(Protocol):
    """Hears what becomes of an `SseStream`; all calls are synchronous, from the event loop."""

    def on_backlog(self, waiting: bool, /) -> None:
        """Say that bytes wait in this process because the peer reads slowly (True), or no longer.

        Calls alternate. A stream that is not open yet counts as waiting, so its first call may be
        False. It may come from within `write`.
        """
        ...

    def on_beat(self) -> None:
        """Say that it is time for a bookmark: just before each ping or comment of the wheel.

        Not called while there is a backlog.
        """
        ...

    def on_close(self, code: int, /) -> None:
        """Say, exactly once, that nothing will be read or written any more.

        It comes from within `close()` too, so that a session has one place to clean up. The code is
        the first that was given: by us, by the peer's close frame, 1005 where that had none, 1006
        where the connection was lost. A stream of events knows 1000, 1006 and our own.
        """
        ...


class SocketHandler(StreamHandler, Protocol):
    """Hears what comes in by a `Socket`."""

    def on_text(self, payload: bytes, /) -> None:
        """Take one whole text message: valid UTF-8, at most `Limits.message_bytes`.

        An exception is logged and closes this socket with 1011; it never reaches a neighbour.
        """
        ...

    def on_binary(self, payload: bytes, /) -> None:
        """Take one whole binary message. The browser protocol has none: close with 4400."""
        ...


class Gone:
    """The handler of what has ended: so that a connection and its session end with each other.

    Else they would hold each other until a full collection, which is rare.
    """

    def on_backlog(self, _waiting: bool, /) -> None:
        """Do nothing."""

    def on_beat(self) -> None:
        """Do nothing."""

    def on_close(self, _code: int, /) -> None:
        """Do nothing."""

    def on_text(self, _payload: bytes, /) -> None:
        """Do nothing."""

    def on_binary(self, _payload: bytes, /) -> None:
        """Do nothing."""


GONE: Final = Gone()
