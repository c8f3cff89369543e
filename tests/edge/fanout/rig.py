"""A sink that reads when it is told to, and an owner that writes down what it hears."""

from blackroad.edge.fanout import Fanout, Receiver


def render(event: int, rendering: str, request_id: str) -> bytes:
    """Return an event as text."""
    return f"{rendering}{event}{request_id};".encode()


class Session:
    """Sink and owner of one receiver."""

    def __init__(self, fanout: Fanout[int, str], rendering: str = "e") -> None:
        self.blocked = False
        self.backlogged = False
        self.stalled_seconds = 0.0
        self.writes: list[bytes] = []
        self.codes: list[int] = []
        self.overflows: list[dict[int, str | None]] = []
        self.receiver: Receiver[str] = Receiver(fanout, self, rendering, self)

    def write(self, data: bytes, /) -> None:
        assert not self.codes, "written to after the end"
        self.writes.append(data)
        if self.blocked and not self.backlogged:
            self.backlogged = True
            self.receiver.on_backlog(True)

    def close(self, code: int = 1000, reason: str = "") -> None:
        self.codes.append(code)
        self.receiver.close()

    def on_overflow(self, lost: dict[int, str | None], /) -> None:
        self.overflows.append(lost)

    def unblock(self) -> None:
        """Read all, and go on reading."""
        self.blocked = False
        if self.backlogged:
            self.backlogged = False
            self.receiver.on_backlog(False)

    @property
    def received(self) -> list[str]:
        return b"".join(self.writes).decode().split(";")[:-1]
