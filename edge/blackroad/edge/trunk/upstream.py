"""What a session needs of the trunk that carries it."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

from blackroad.edge.trunk.asks import OnAnswer
from blackroad.edge.trunk.turns import Turns
from blackroad.edge.trunk.viewers import Viewers
from blackroad.realtime.v1 import gateway_pb2

if TYPE_CHECKING:
    from blackroad.edge.trunk.follower import Follower
    from blackroad.edge.trunk.session import Session


class Upstream(Protocol):
    """What a session needs of its trunk."""

    @property
    def cursor(self) -> str:
        """Where LIVE stands."""
        ...

    @property
    def turn(self) -> int:
        """How often LIVE's cursor has moved."""
        ...

    @property
    def up(self) -> bool:
        """Whether a core is there, and knows all sessions."""
        ...

    @property
    def viewers(self) -> Viewers:
        """Who views which answer."""
        ...

    @property
    def turns(self) -> Turns:
        """The turns in which sessions ask about channels."""
        ...

    def key(self) -> str:
        """Return a request id that was never used."""
        ...

    def ask(self, frame: gateway_pb2.TrunkRequest, on_answer: OnAnswer, /) -> None:
        """Ask the core; the answer, or a Refusal, comes exactly once."""
        ...

    def say(self, frame: gateway_pb2.TrunkRequest, /) -> None:
        """Tell the core, if it is there; what is told is told again after a loss by other ways."""
        ...

    def part(self, session: "Follower", numbers: Collection[int], /) -> None:
        """Let a session get nothing more that is for these numbers."""
        ...

    def repay(self, session: int, size: int, /) -> None:
        """Give credit back for what a session's client has."""
        ...

    def settle(self) -> None:
        """Let out all that waits to be rolled up."""
        ...

    def drop(self, session: "Session", clean: bool, /) -> None:
        """Forget a session and tell the core."""
        ...
