"""The edge's standing connection to a core: kept up, moved to another core when it is lost."""

import asyncio
import logging
import random
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from blackroad.edge.errors import Refusal
from blackroad.edge.fanout import Fanout
from blackroad.edge.trunk.addresses import Addresses
from blackroad.edge.trunk.asks import Answer, Asks, OnAnswer
from blackroad.edge.trunk.catch_up import CatchUp
from blackroad.edge.trunk.follower import Follower
from blackroad.edge.trunk.link import Link, LinkLost, connect
from blackroad.edge.trunk.live import Live
from blackroad.edge.trunk.opening import Opening
from blackroad.edge.trunk.options import PublicDevelopmentError, TrunkOptions
from blackroad.edge.trunk.session import Session
from blackroad.edge.trunk.turns import Turns
from blackroad.edge.trunk.viewers import Viewers
from blackroad.realtime.v1 import common_pb2, event_pb2, gateway_pb2

_logger = logging.getLogger(__name__)
RETRY_SECONDS: Final = (0.5, 3.0)
OPENED: Final = frozenset({"session_accepted", "session_refused"})


class Trunk:
    """Sessions, requests and live events over one link at a time.

    `run` until cancelled. While there is no link, sessions pause: what they follow is resumed with
    the next one, what they ask waits up to its deadline.
    """

    def __init__(self, options: TrunkOptions, fanout: Fanout[event_pb2.Event, str]) -> None:
        self.sessions: dict[int, Session] = {}
        self.restarts = 0
        self.draining = False
        self.turns = Turns()
        self.viewers = Viewers()
        self._options = options
        self._addresses = Addresses(options.addresses)
        self._link: Link | None = None
        self._up = asyncio.Event()
        self._asks = Asks(options.request_seconds, options.wait_seconds)
        self._live = Live(fanout, self.sessions, self.viewers)
        self._catch_up = CatchUp(self.viewers, self.sessions, self._put_catch_up)
        self._opening: dict[int, str] = {}
        self._last_session = 0
        self._last_key = 0
        self._welcome = common_pb2.Welcome()

    # State.

    @property
    def up(self) -> bool:
        """Whether a core is connected, and knows all sessions."""
        return self._up.is_set()

    @property
    def cursor(self) -> str:
        """The cursor of the last live frame."""
        return self._live.cursor

    @property
    def turn(self) -> int:
        """How often the cursor has moved."""
        return self._live.turn

    @property
    def welcome(self) -> common_pb2.Welcome:
        """What the present core said of itself; empty before the first."""
        return self._welcome

    @property
    def open_requests(self) -> int:
        """How many requests wait for an answer."""
        return len(self._asks)

    @property
    def live_events(self) -> int:
        """How many live events were handed to the fan-out."""
        return self._live.delivered

    @property
    def catch_up_events(self) -> int:
        """How many missed events were handed to sessions."""
        return self._catch_up.delivered

    @property
    def lagged(self) -> int:
        """How often the core has dropped what waited for this edge."""
        return self._live.lagged

    @property
    def viewing(self) -> bool:
        """Whether a session waits for an answer's end."""
        return any(session.viewing for session in self.sessions.values())

    async def wait_up(self, seconds: float) -> None:
        """Wait until a core is connected, or for so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._up.wait()

    async def link(self) -> Link:
        """Return the link, waiting for one; Refusal `unavailable` when none comes in time."""
        await self.wait_up(self._options.wait_seconds)
        if self._link is None or not self.up:
            after = random.uniform(*RETRY_SECONDS)  # noqa: S311 - it spreads
            raise Refusal("unavailable", retry_after_seconds=round(after, 3))
        return self._link

    # Sessions.

    async def open(self, opening: Opening) -> Session:
        """Open a session; Refusal where the core does not want it or is not there, and draining."""
        if self.draining:
            raise Refusal("draining")
        await self.link()
        self._last_session += 1
        session = Session(self, self._last_session, opening)
        self.sessions[session.number] = session
        accepted: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        frame = gateway_pb2.TrunkRequest(
            session=session.number, request_id=self.key(), session_opened=opening.frame()
        )
        self._opening[session.number] = frame.request_id
        try:
            self.ask(frame, lambda answer: _resolve(accepted, answer))
            answer = await accepted
        except BaseException:
            session.close(clean=True)
            raise
        finally:
            self._opening.pop(session.number, None)
        if isinstance(answer, Refusal):
            session.closed = True
            self.sessions.pop(session.number, None)
            raise answer
        session.accept(answer.session_accepted)
        opening.on_accepted()
        return session

    def followers(self, channel: str) -> int:
        """Count the sessions here that follow a channel, by name or pattern."""
        return sum(session.following.matches(channel) for session in self.sessions.values())

    def key(self) -> str:
        """Return a request id that was never used."""
        self._last_key += 1
        return str(self._last_key)

    def ask(self, frame: gateway_pb2.TrunkRequest, on_answer: OnAnswer) -> None:
        """Ask the core, or the next one where there is none just now; draining, for no answer."""
        if self.draining and frame.HasField("start"):
            on_answer(Refusal("draining"))
            return
        link = self._link if self.up else None
        if link is not None:
            try:
                link.control.put(frame)
            except Refusal as refusal:
                on_answer(refusal)
                return
        self._asks.add(frame, on_answer, sent=link is not None)

    def say(self, frame: gateway_pb2.TrunkRequest) -> None:
        """Tell the core what needs no answer; nothing where there is none."""
        if self._link is not None:
            self._link.control.put_own(frame)

    def part(self, session: Follower, numbers: Collection[int]) -> None:
        """Let a session get nothing more that is for these numbers."""
        self._live.part(session, numbers)

    def repay(self, session: int, size: int) -> None:
        """Give a session's credit back."""
        self._catch_up.owe(session, size)

    def settle(self) -> None:
        """Let out what waits to be rolled up."""
        self._live.rollups.flush()

    def drop(self, session: Session, clean: bool) -> None:
        """Forget a session that went, and tell the core."""
        if self.sessions.pop(session.number, None) is not None:
            for channel in session.following.channels:
                self.viewers.unwatch(channel, session)
            self._tell_closed(session.number, clean=clean)

    def _tell_closed(self, number: int, *, clean: bool) -> None:
        closed = gateway_pb2.SessionClosed(clean=clean)
        self.say(gateway_pb2.TrunkRequest(session=number, session_closed=closed))

    # Life.

    async def run(self) -> None:
        """Keep connected until cancelled; PublicDevelopmentError where that would be unsafe."""
        try:
            while True:
                await self._run_once()
                await asyncio.sleep(self._addresses.failed())
        finally:
            self._asks.close()

    async def _run_once(self) -> None:
        options, address = self._options, self._addresses.current
        try:
            async with connect(
                address, options.token, options.credentials, options.server_name
            ) as link:
                await link.open(self.cursor, options.public)
                if link.welcome.development and options.public:
                    raise PublicDevelopmentError
                self._begin(link)
                await link.run(self, self._restore(link))
        except LinkLost as lost:
            if lost.args:
                _logger.warning("the core at %s refuses this edge: %s", address, lost.args[0])
            elif self._link is not None:
                _logger.warning("the core at %s is lost", address)
            else:
                _logger.info("there is no core at %s", address)
        finally:
            self._end()

    def _begin(self, link: Link) -> None:
        """Take a link into use."""
        self.restarts += 1
        self._addresses.succeeded()
        self._welcome = link.welcome
        self._link = link
        self._live.begin(self.restarts)
        self._catch_up.restart()

    async def _restore(self, link: Link) -> None:
        """Say first everything that the former core knew, then `Restored`, then what waits."""
        for session in list(self.sessions.values()):
            if session.session_id and session.ended is None and not session.closed:
                for frame in session.restore():
                    link.control.put_own(frame)
                await link.control.room()
        if self.restarts > 1:
            link.control.put_own(gateway_pb2.TrunkRequest(restored=gateway_pb2.Restored()))
        for frame in self._asks.again():
            link.control.put_own(frame)
            await link.control.room()
        self._up.set()
        _logger.info("connected to core %s", link.welcome.node)

    def _end(self) -> None:
        if self._link is not None:
            self._link = None
            self._up.clear()
            self._live.end()
            self._asks.lost()

    # Frames of the core.

    def take_control(self, response: gateway_pb2.TrunkResponse) -> None:
        """Apply one frame of CONTROL."""
        kind = response.WhichOneof("frame")
        if kind == "closing":
            raise LinkLost  # the next core takes over: browsers notice a pause, nothing else
        session = self.sessions.get(response.session)
        if kind in OPENED:
            response.request_id = self._opening.get(response.session, "")
        if response.request_id and self._asks.answer(response):
            return
        if session is not None:
            _tell(session, kind, response)
        elif kind == "session_accepted":  # too late: who asked has gone
            self._tell_closed(response.session, clean=True)

    def take_live(self, response: gateway_pb2.TrunkResponse) -> None:
        """Apply one frame of LIVE."""
        self._live.take(response)

    def take_catch_up(self, response: gateway_pb2.TrunkResponse) -> None:
        """Apply one frame of CATCH_UP."""
        answers = response.WhichOneof("frame") == "subscribed"
        if not (answers and response.request_id and self._asks.answer(response)):
            self._catch_up.take(response)

    def _put_catch_up(self, frame: gateway_pb2.TrunkRequest) -> None:
        if self._link is not None:
            self._link.catch_up.put_own(frame)


def _resolve(future: asyncio.Future[Answer], answer: Answer) -> None:
    if not future.done():
        future.set_result(answer)


def _tell(session: Session, kind: str | None, response: gateway_pb2.TrunkResponse) -> None:
    """Tell a session what a frame of CONTROL says of it."""
    if kind == "session_accepted":
        session.accept(response.session_accepted)
    elif kind == "session_refused":
        session.take_refused(response.session_refused)
    elif kind == "session_ended":
        session.take_ended(response.session_ended.closing)
    elif kind == "unsubscribed":
        session.take_unsubscribed(response)
    elif kind == "rejected":
        session.take_rejected(response)
