"""The client: publish, subscribe, look who is here, and invoke agents."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypeVar

from google.protobuf.message import Message as WireMessage

from blackroad.client.address import Address
from blackroad.client.announcement import Announcement
from blackroad.client.answer import Answer
from blackroad.client.answers import Answers
from blackroad.client.channels import Channels
from blackroad.client.dial import Dial
from blackroad.client.event import Event, JSONValue
from blackroad.client.messages import Message, Options, write_options, write_prompt
from blackroad.client.presence import PresenceQuery, Status
from blackroad.client.publisher import Body, Published, Publisher, draft
from blackroad.client.streams import Streams
from blackroad.client.subscription import Subscription, subscribe_request
from blackroad.client.token import TokenProvider
from blackroad.client.trust import Trust
from blackroad.realtime.v1 import channel_pb2, stream_pb2

Response = TypeVar("Response", bound=WireMessage)
TIMEOUT_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class History:
    """A page of a channel's history, by offset; `more` where there is more in that direction."""

    events: tuple[Event, ...]
    more: bool


class Client:
    """A connection to the core, made when it is first needed and again whenever it is lost.

    `url` is as BLACKROAD_URL, `token` as BLACKROAD_TOKEN; None takes them from the environment.
    A `token` that is a function is asked for one when it is needed, and again before it expires.
    `timeout_seconds` is how long a call waits, also for a core that is not there yet. It belongs to
    one event loop; use it as `async with Client() as c`. `trust` says how a core with `grpcs://` is
    known; None takes it from the environment. Raises InvalidAddress; Unauthenticated for a token
    that cannot be one.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | TokenProvider | None = None,
        *,
        timeout_seconds: float = TIMEOUT_SECONDS,
        trust: Trust | None = None,
    ) -> None:
        self._dial = _dial(Address.parse(url), token, trust or Trust.from_environment())
        self._timeout_seconds = timeout_seconds
        self._answers = Answers(self._dial, timeout_seconds)
        self._publisher = Publisher(self._dial, timeout_seconds)
        self.channels = Channels(self._dial, timeout_seconds)
        self.streams = Streams(self._dial, timeout_seconds)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End everything of this client; answers in progress go on. Idempotent."""
        # 1. What waits hears that it is over. 2. Then the connections go.
        await self._publisher.close()
        await self._answers.close()
        await self._dial.close()

    async def drain(self) -> None:
        """Take nothing new, let publishes and answers come to their ends, then close. Idempotent.

        What is still under way after `timeout_seconds` ends as by `close`.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._timeout_seconds):
                await self._publisher.drain()
                await self._answers.drain()
        await self.close()

    @property
    def dial(self) -> Dial:
        """The connections, for an agent that serves over them."""
        return self._dial

    async def publish(
        self,
        channel: str,
        body: Body,
        type: str = "",  # noqa: A002 - the field's name in the protocol and on every door
        *,
        headers: Mapping[str, str] | None = None,
        correlation_id: str = "",
        ttl_seconds: float | None = None,
        idempotency_key: str = "",
        expected_offset: int | None = None,
    ) -> Published:
        """Append one event to a channel; return once it is in the log.

        A text is sent as text, bytes as bytes, anything else as JSON; `type` is `message` where it
        is empty. It is retried under an idempotency key (its own, where none is given) until
        `timeout_seconds` are over. Raises Rejected: certainly not in the log; UnknownOutcome: it
        may be; Unavailable.
        """
        one = draft(body, type, headers, correlation_id, ttl_seconds)
        published = await self._publisher.publish(channel, [one], idempotency_key, expected_offset)
        return published[0]

    async def publish_all(
        self,
        channel: str,
        bodies: Sequence[Body],
        type: str = "",  # noqa: A002 - as above
        *,
        idempotency_key: str = "",
        expected_offset: int | None = None,
    ) -> list[Published]:
        """Append up to 256 events to a channel, all or none, as neighbours; as `publish`."""
        drafts = [draft(body, type) for body in bodies]
        return await self._publisher.publish(channel, drafts, idempotency_key, expected_offset)

    def subscribe(
        self,
        pattern: str,
        cursor: str | None = None,
        *,
        unit: Sequence[str] = (),
        history: int | None = None,
        presence: bool = False,
    ) -> Subscription:
        """Follow a channel or pattern from now, after a cursor, or with the last N events.

        `unit` names further channels and patterns that are followed as one with it; `presence` also
        tells who comes and goes. Each subscription is a session of its own.
        """
        start = subscribe_request(pattern, unit, cursor, history, presence)
        return Subscription(self._dial, start, self._timeout_seconds)

    async def history(
        self,
        channel: str,
        limit: int = 50,
        *,
        before: int | None = None,
        after: int | None = None,
    ) -> History:
        """Read a page of a channel's history: the newest, the newest before, or the oldest after.

        `limit` is at most 300; the bounds are offsets.
        """
        request = channel_pb2.ListEventsRequest(channel=channel, limit=limit)
        if before is not None:
            request.before = before
        elif after is not None:
            request.after = after
        page = await self.unary(
            "ChannelService/ListEvents", request, channel_pb2.ListEventsResponse.FromString
        )
        return History(tuple(map(Event, page.events)), page.more)

    def presence(
        self,
        entity_type: str = "",
        entity_id: str = "",
        *,
        channel: str = "",
        status: Status | None = None,
    ) -> PresenceQuery:
        """Ask who is here: await the answer for a list, iterate it to go on watching.

        `channel` (its occupants) and `status` narrow the list only.
        """
        return PresenceQuery(
            self._dial, self._timeout_seconds, entity_type, entity_id, channel, status
        )

    def announce(self, status: Status = "online", metadata: JSONValue = None) -> Announcement:
        """Be here while the context lasts: `async with c.announce("busy") as here`."""
        return Announcement(self._dial, status, metadata, self._timeout_seconds)

    def invoke(
        self,
        agent: str = "",
        prompt: str | Sequence[Message] = "",
        *,
        capability: str = "",
        model: str = "",
        options: Options | None = None,
        deadline_seconds: float | None = None,
        conversation: str = "",
        cancel_abandoned_seconds: float | None = None,
        parent_stream_id: str = "",
    ) -> Answer:
        """Ask an agent, any agent with a capability, or a model; iterate the answer's parts.

        Nothing is sent before the answer is first awaited. With `cancel_abandoned_seconds` the
        answer is cancelled that long after its last viewer has left; otherwise it goes on.
        """
        start = stream_pb2.Invoke(
            target=_target(agent, capability, model),
            conversation=conversation,
            parent_stream_id=parent_stream_id,
        )
        write_prompt(start, prompt)
        if options is not None:
            start.options.CopyFrom(write_options(options))
        if deadline_seconds is not None:
            start.deadline.FromNanoseconds(int(deadline_seconds * 1e9))
        if cancel_abandoned_seconds is not None:
            start.on_abandoned = stream_pb2.ON_ABANDONED_CANCEL
            start.abandoned_after.FromNanoseconds(int(cancel_abandoned_seconds * 1e9))
        return Answer(self._answers, start, "", "")

    def join(self, stream_id: str, cursor: str | None = None) -> Answer:
        """View an answer, during it or after: after a cursor, or by a Snapshot and what follows."""
        return Answer(self._answers, None, stream_id, cursor or "")

    async def unary(
        self, name: str, request: WireMessage, parse: Callable[[bytes], Response]
    ) -> Response:
        """Make any unary call of the protocol, such as `AdminService/ListNodes`.

        Raises RealtimeError by the server's code.
        """
        return await self._dial.unary(name, request, parse, self._timeout_seconds)


def _dial(address: Address, token: str | TokenProvider | None, trust: Trust) -> Dial:
    if not address.edge:
        return Dial(address, token, trust)
    from blackroad.client.web.dial import WebDial

    return WebDial(address, token, trust)


def _target(agent: str, capability: str, model: str) -> stream_pb2.Target:
    if [bool(agent), bool(capability), bool(model)].count(True) != 1:
        raise ValueError("name exactly one of agent, capability and model")
    if agent:
        return stream_pb2.Target(agent=agent)
    if capability:
        return stream_pb2.Target(capability=capability)
    return stream_pb2.Target(model=model)
