"""One subscription of one session: where it stands, so that it can be resumed at any moment."""

from sys import intern

from blackroad.edge.fanout import Mark
from blackroad.realtime.v1 import channel_pb2, event_pb2, gateway_pb2


class Subscription:
    """What a session follows under one name.

    It is *catching up* from its request until CaughtUp, and *settled* when it has also joined its
    numbers. What was told to the client once is not told again when the edge resumes it.
    """

    __slots__ = (
        "caught_up",
        "channel",
        "cursor",
        "ending_held",
        "invoked",
        "joined_turn",
        "key",
        "numbers",
        "over",
        "passed",
        "presence",
        "request_id",
        "told_caught_up",
        "told_subscribed",
        "unit",
    )

    def __init__(self, key: str, subscribe: channel_pb2.Subscribe) -> None:
        self.key = key
        # Shared by all who follow the same: an idle client has little more than its names.
        self.channel = intern(subscribe.channel)
        self.presence = subscribe.presence
        self.unit = tuple(map(intern, subscribe.unit))
        self.cursor = subscribe.cursor
        self.request_id: str | None = None
        self.invoked = False
        self.over: channel_pb2.Unsubscribed | None = None  # it has ended, and does not stand yet
        self.passed: dict[str, Mark] | None = None  # what comes again of these channels, it has
        self.told_subscribed = False
        self.told_caught_up = False
        self.restart()

    def restart(self) -> None:
        """Begin to catch up anew."""
        self.caught_up = False
        self.ending_held = False  # an answer's, that came on LIVE and is not out yet
        self.joined_turn: int | None = None
        self.numbers: set[int] = set()

    def has(self, event: event_pb2.Event) -> bool:
        """Whether an event that is sent again was handed on before."""
        mark = self.passed.get(event.channel) if self.passed else None
        return mark is not None and event.epoch == mark.epoch and event.offset <= mark.offset

    @property
    def settled(self) -> bool:
        """Whether it is live."""
        return self.caught_up and self.joined_turn is not None

    def cursor_at(self, turn: int, cursor: str) -> str:
        """Return where it is to be resumed, when LIVE stands at this cursor after so many turns.

        LIVE's cursor holds as soon as something has come on LIVE after the join.
        """
        if self.settled and self.joined_turn is not None and turn > self.joined_turn and cursor:
            return cursor
        return self.cursor

    def request(self, session: int, cursor: str) -> gateway_pb2.TrunkRequest:
        """Return the frame that asks for it after this cursor."""
        subscribe = channel_pb2.Subscribe(
            channel=self.channel, presence=self.presence, unit=self.unit
        )
        if cursor:
            subscribe.cursor = cursor
        return gateway_pb2.TrunkRequest(session=session, request_id=self.key, subscribe=subscribe)
