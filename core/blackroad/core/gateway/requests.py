"""What a browser asks for through its edge, and which part of the node answers it."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from blackroad.core.channel.calls import ChannelCalls
from blackroad.core.errors import Code, Rejection
from blackroad.core.gateway.session import BrowserSession
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Identity
from blackroad.core.identity.passes import Passes, Use, is_pass
from blackroad.core.identity.renewal import Renew
from blackroad.core.identity.tickets import Ticket
from blackroad.core.presence.calls import PresenceCalls
from blackroad.core.presence.record import Stay
from blackroad.core.publisher import Publisher
from blackroad.core.sessions import Sessions
from blackroad.realtime.v1 import (
    admin_pb2,
    channel_pb2,
    common_pb2,
    gateway_pb2,
    presence_pb2,
    stream_pb2,
)

MESSAGES = frozenset({"publish", "start"})  # which are counted where they are served


class Identities(Protocol):
    """Who knows browsers by what they show."""

    @property
    def passes(self) -> Passes:
        """By which they are known again."""
        ...

    async def client(
        self,
        client_id: str,
        *,
        token: str = "",
        ticket: str = "",
        session_id: str = "",
        events: bool = False,
    ) -> Identity:
        """Return who a browser is, or raise `Rejection`."""
        ...


class Presences(Protocol):
    """Who keeps the sessions' entries of presence."""

    def arrive(self, identity: Identity, session_id: str) -> Stay:
        """Make a session's entry; it is told soon."""
        ...

    async def update(
        self,
        session_id: str,
        *,
        status: presence_pb2.PresenceStatus.ValueType | None = None,
        metadata_json: str | None = None,
    ) -> object:
        """Change what is given of a session's entry."""
        ...

    def depart(self, session_id: str, clean: bool, stay: Stay | None) -> object:
        """End this entry of a session; it is told soon, or after a grace."""
        ...


class Invocations(Protocol):
    """Who starts answers."""

    def start(
        self, identity: Identity, session_id: str, request: stream_pb2.Invoke, /
    ) -> Awaitable[str]:
        """Start an answer; return its id."""
        ...

    def cancel(self, identity: Identity, stream_id: str) -> Awaitable[object]:
        """Cancel an answer."""
        ...

    def input(self, identity: Identity, stream_id: str, json: str) -> Awaitable[object]:
        """Give an input to a waiting answer."""
        ...


class Requests:
    """Serves the requests of browser sessions."""

    def __init__(
        self,
        identities: Identities,
        hub: Hub,
        sessions: Sessions,
        publisher: Publisher,
        channels: ChannelCalls,
        presences: PresenceCalls,
        roster: Presences,
        answers: Invocations,
        renew: Renew,
    ) -> None:
        self.renew = renew
        # Counts what a browser asks for besides publishing and invoking, and may refuse it.
        self.charge_command: Callable[[Identity], None] = lambda identity: None
        self._identities = identities
        self._hub = hub
        self._sessions = sessions
        self._publisher = publisher
        self._channels = channels
        self._presences = presences
        self._roster = roster
        self._answers = answers

    async def identify(self, opened: gateway_pb2.SessionOpened) -> Identity:
        """Return who a browser is, or raise `Rejection`."""
        credential = opened.credential
        return await self._identities.client(
            opened.client_id,
            token=credential.token,
            ticket=credential.ticket,
            session_id=opened.session_id,
            events=opened.door == admin_pb2.DOOR_SSE,
        )

    def return_ticket(self, session: BrowserSession, opened: gateway_pb2.SessionOpened) -> str:
        """Return what a session that came with a ticket, which is used now, may come back with."""
        shown = opened.credential.ticket
        if not shown or is_pass(shown):
            return ""
        ticket = Ticket(session.identity)
        return self._identities.passes.sign(ticket, Use.RETURN, session.session_id)[0]

    def open(self, session: BrowserSession) -> None:
        """Register a session and make its entry of presence. Raises `Rejection`.

        One that comes back under its id while its former trunk is not yet known to be lost takes
        the former one's place.
        """
        former = self._sessions.get(session.session_id)
        if former is not None:
            if not isinstance(former, BrowserSession) or not _same(former, session):
                raise Rejection(Code.CONFLICT, "there is another session of this id")
            self.close(former, clean=False)
        if session.present:
            session.stay = self._roster.arrive(session.identity, session.session_id)
        self._sessions.add(session)

    def close(self, session: BrowserSession, *, clean: bool) -> None:
        """Undo `open`, and end the session's subscriptions. Idempotent."""
        session.ended = True
        self._sessions.remove(session)
        session.subscriber.close(clean=clean)
        if session.stay is not None:
            self._roster.depart(session.session_id, clean, session.stay)

    async def serve(  # noqa: C901 (one arm each)
        self, session: BrowserSession, request: gateway_pb2.TrunkRequest, *, charged: bool = True
    ) -> gateway_pb2.TrunkResponse | None:
        """Return the answer for CONTROL, or None where it comes elsewhere. Raises `Rejection`.

        What an edge asks for to restore a session is not `charged` to its browser.
        """
        answer = gateway_pb2.TrunkResponse()
        identity = session.identity
        if charged and request.WhichOneof("frame") not in MESSAGES:
            self.charge_command(identity)
        match request.WhichOneof("frame"):
            case "subscribe":
                await session.subscribe(request.request_id, request.subscribe)
                return None
            case "unsubscribe":
                answer.unsubscribed.CopyFrom(_unsubscribe(session, request.unsubscribe))
            case "publish":
                published = self._publisher.publish(identity, session.session_id, request.publish)
                answer.published.CopyFrom(await published)
            case "list_events":
                answer.events.CopyFrom(
                    await self._channels.list_events(identity, request.list_events)
                )
            case "list_presence":
                answer.presences.CopyFrom(
                    await self._presences.list_presence(identity, request.list_presence)
                )
            case "get_presence":
                answer.presence.CopyFrom(
                    await self._presences.get_presence(identity, request.get_presence)
                )
            case "update_presence":
                await self._update(session, request.update_presence)
                answer.accepted.CopyFrom(common_pb2.Accepted())
            case "start":
                await self._start(session, request)
                return None
            case "input":
                await self._answers.input(identity, request.input.stream_id, request.input.json)
                answer.accepted.CopyFrom(common_pb2.Accepted())
            case "cancel":
                await self._answers.cancel(identity, request.cancel.stream_id)
                answer.accepted.CopyFrom(common_pb2.Accepted())
            case "refresh":
                answer.accepted.CopyFrom(await self.renew(session, request.refresh))
            case _:
                raise Rejection(Code.UNKNOWN_TYPE)
        return answer

    async def _start(self, session: BrowserSession, request: gateway_pb2.TrunkRequest) -> None:
        session.subscriber.check_room()  # before there is an answer that nobody would see
        since = self._hub.heads
        stream_id = await self._answers.start(session.identity, session.session_id, request.start)
        answer = gateway_pb2.TrunkResponse(session=session.number, request_id=request.request_id)
        answer.answer_opened.stream_id = stream_id
        session.put_control(answer)
        await session.view(request.request_id, stream_id, since)

    async def _update(self, session: BrowserSession, update: presence_pb2.UpdatePresence) -> None:
        if not session.present:
            raise Rejection(Code.CONFLICT, "this session has no entry of presence")
        await self._roster.update(
            session.session_id,
            status=update.status or None,
            metadata_json=update.metadata_json if update.HasField("metadata_json") else None,
        )


def _same(one: BrowserSession, other: BrowserSession) -> bool:
    mine, yours = one.identity, other.identity
    return (mine.tenant, mine.kind, mine.subject) == (yours.tenant, yours.kind, yours.subject)


def _unsubscribe(
    session: BrowserSession, request: channel_pb2.Unsubscribe
) -> channel_pb2.Unsubscribed:
    if not request.channel:
        raise Rejection(Code.MISSING_FIELD, "channel is required")
    session.subscriber.unsubscribe(request.channel)
    return channel_pb2.Unsubscribed(channel=request.channel)
