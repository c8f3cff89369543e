"""One registered worker: what it serves, what it holds, how much more it may take."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from blackroad.core.identity.identity import Identity
from blackroad.core.names import check_id, scope
from blackroad.core.presence.record import Stay
from blackroad.core.stream.route import served_names
from blackroad.realtime.v1 import stream_pb2

if TYPE_CHECKING:
    from blackroad.core.stream.answer import Answer


class Worker:
    """A worker, as long as its `Serve` stream lasts.

    It holds an invocation, and a permit for it, from when it is given to it until it has ended it,
    has confirmed that it stopped, or had its time to do so.
    """

    __slots__ = (
        "agent",
        "draining",
        "given",
        "holding",
        "identity",
        "keys",
        "load",
        "max_concurrency",
        "model",
        "names",
        "on_idle",
        "publish_thinking",
        "register",
        "send",
        "session_id",
        "stay",
    )

    def __init__(self, session_id: str, identity: Identity, send: Callable[[bytes], None]) -> None:
        self.session_id = session_id
        self.identity = identity
        self.send = send
        self.stay: Stay | None = None  # its entry of presence
        self.register = stream_pb2.Register()  # what it said that it serves
        self.names: tuple[str, ...] = ()
        self.keys: tuple[str, ...] = ()
        self.agent = ""
        self.model = ""
        self.publish_thinking = False
        self.max_concurrency = 0
        self.load = 0.0
        self.draining = False
        self.holding: dict[str, Answer] = {}
        self.given = 0  # how many invocations it was ever given here
        self.on_idle: Callable[[], None] = lambda: (
            None
        )  # called when it drains and holds nothing more

    def serve(self, register: stream_pb2.Register) -> None:
        """Serve exactly this from now on.

        Raises `Rejection` where it is not valid; then nothing has changed.
        """
        if register.model:
            check_id(register.model)
        self.names = served_names(register)
        self.register = register
        self.keys = tuple(scope(self.identity.tenant, name) for name in self.names)
        self.agent = register.agent
        self.model = register.model
        self.publish_thinking = register.publish_thinking
        self.max_concurrency = register.max_concurrency or 1

    @property
    def free(self) -> int:
        """How many more invocations it takes now."""
        return 0 if self.draining else self.max_concurrency - len(self.holding)

    @property
    def busy(self) -> bool:
        """Whether it takes no more."""
        return self.draining or len(self.holding) >= self.max_concurrency

    def frame(self, answer: "Answer", frame: stream_pb2.ServeResponse) -> None:
        """Send a frame about an answer."""
        frame.stream_id = answer.stream_id
        frame.attempt = answer.attempt
        self.send(frame.SerializeToString())
