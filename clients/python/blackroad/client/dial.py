"""The connection to the core: gRPC channels, the identity on each call, and unary calls."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar
from weakref import WeakSet

import grpc
from google.protobuf.message import Message

from blackroad.client.address import Address
from blackroad.client.codes import TERMINAL, from_status
from blackroad.client.errors import RealtimeError, Unavailable
from blackroad.client.late import drop_what_comes_late
from blackroad.client.refresh import Refreshable, Refresher
from blackroad.client.token import TokenProvider, Tokens
from blackroad.client.trust import Trust

Response = TypeVar("Response", bound=Message)

# Of a name's addresses any, else all agents of a fleet would be at the same core.
_SPREAD: Final = '{"loadBalancingConfig":[{"pick_first":{"shuffleAddressList":true}}]}'
_OPTIONS: Final[tuple[tuple[str, int | str], ...]] = (
    ("grpc.service_config", _SPREAD),
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.max_receive_message_length", 8 << 20),
    ("grpc.enable_http_proxy", 0),
)
# How long one of several targets may take to connect.
_TARGET_SECONDS: Final = 1.0
_NEWS_SECONDS: Final = 1.0
EXPIRED: Final = "token_expired"
_PACKAGE: Final = "/blackroad.realtime.v1."
# A server allows 100 streams on one connection; the rest would wait without a word.
_STREAMS_PER_CONNECTION: Final = 64


@dataclass(frozen=True, slots=True)
class Rpc(Generic[Response]):
    """A bidirectional stream: its name, how a response is read, and how its frames are made.

    `hello` is the first frame, `batch` makes one of many, `refresh` shows a fresh token. Requests
    are serialized before they are queued, so that a bound in bytes costs nothing more.
    """

    name: str
    kind: type[Response]
    hello: bytes
    batch: Callable[[list[bytes]], bytes] | None
    refresh: Callable[[str], bytes]


class Stream(Protocol):
    """A bidirectional stream that is open, by whatever door."""

    async def read(self) -> object:
        """Return the next response; at the end something else. Raises, as it has ended."""
        ...

    async def write(self, request: bytes, /) -> None:
        """Send a request."""
        ...

    def cancel(self) -> bool:
        """End it at once: `read` then raises CancelledError."""
        ...


class _Line:
    """One gRPC channel, who has a stream on it, and whether its connection stands."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        # Weak, so that a subscription that nobody has any more ends its stream by going.
        self.holders = WeakSet[object]()
        self._loss: asyncio.Task[None] | None = None

    @property
    def ready(self) -> bool:
        """Whether there is a connection."""
        return self.channel.get_state() is grpc.ChannelConnectivity.READY

    async def lost_within(self, seconds: float) -> bool:
        """Return at once when there is no connection any more, or after so long."""
        if not self.ready:
            return True
        if self._loss is None or self._loss.done():
            # One watch for all who wait: gRPC ends a watch only when the state changes.
            change = self.channel.wait_for_state_change(grpc.ChannelConnectivity.READY)
            self._loss = asyncio.create_task(change, name="blackroad connection")
        await asyncio.wait({self._loss}, timeout=seconds)
        return self._loss.done()

    async def close(self) -> None:
        """Close the channel; the watch ends with it."""
        await self.channel.close()
        if self._loss is not None:
            self._loss.cancel()
            await asyncio.gather(self._loss, return_exceptions=True)


class Dial:
    """gRPC channels to one of the targets at a time; belongs to the loop that first uses it."""

    def __init__(
        self, address: Address, token: str | TokenProvider | None, trust: Trust | None = None
    ) -> None:
        self._address = address
        self._trust = trust or Trust()
        self._tokens = Tokens(token)
        self._refresher = Refresher(self._tokens)
        self._lines: dict[str, list[_Line]] = {target: [] for target in address.targets}
        self.turn = 0
        self._told: tuple[str, float] = ("", 0.0)

    @property
    def target(self) -> str:
        """The target in use, for people."""
        return self._address.targets[self.turn % len(self._address.targets)]

    async def identify(self) -> None:
        """Have a token that is good, before a stream is opened.

        Raises Unavailable and, for what cannot be a token, Unauthenticated.
        """
        await self._tokens.renew()

    def keep(self, stream: Refreshable) -> None:
        """Show this stream a fresh token before its own runs out, as long as somebody has it."""
        self._refresher.keep(stream)

    def worked(self) -> None:
        """Know that a stream stands: the token was good."""
        self._tokens.worked()

    def is_final(self, error: RealtimeError) -> bool:
        """Whether another attempt cannot help; after `token_expired` a fresh token may."""
        if error.code == EXPIRED and self._tokens.renews:
            return not self._tokens.expire()
        return error.code in TERMINAL

    def open(self, rpc: Rpc[Response], holder: object = None) -> Stream:
        """Begin a stream. It fails at the first read where there is no server.

        A holder, given back by `release`, counts against what one connection carries.
        """
        channel = self._line(holder).channel
        method: grpc.aio.StreamStreamMultiCallable[bytes, Response] = channel.stream_stream(
            _PACKAGE + rpc.name,
            request_serializer=_identity,
            response_deserializer=rpc.kind.FromString,
        )
        return method(metadata=self._tokens.metadata)

    async def unary(
        self,
        name: str,
        request: Message,
        parse: Callable[[bytes], Response],
        timeout_seconds: float,
    ) -> Response:
        """Make a unary call, `ChannelService/Publish` for example. Raises RealtimeError.

        It is made again with a fresh token where the core knows better that the first had expired.
        """
        try:
            return await self._unary(name, request, parse, timeout_seconds)
        except RealtimeError as error:
            if error.code != EXPIRED or self.is_final(error):
                raise
        return await self._unary(name, request, parse, timeout_seconds)

    async def _unary(
        self,
        name: str,
        request: Message,
        parse: Callable[[bytes], Response],
        timeout_seconds: float,
    ) -> Response:
        await self.identify()
        if len(self._address.targets) > 1:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_seconds):
                    await self.connected()
        channel = self._line().channel
        method: grpc.aio.UnaryUnaryMultiCallable[Message, Response] = channel.unary_unary(
            _PACKAGE + name, request_serializer=_serialize, response_deserializer=parse
        )
        try:
            return await method(
                request,
                metadata=self._tokens.metadata,
                timeout=timeout_seconds,
                wait_for_ready=True,
            )
        except grpc.aio.AioRpcError as error:
            failed = from_status(error)
            if failed.code == "deadline_exceeded" and not self._line().ready:
                where = f"no core answers at {self.target}"
                failed = Unavailable("unavailable", where, retryable=True)
            raise failed from None

    def is_news(self, text: str) -> bool:
        """Whether this was not said in the last second: many that fail together say it once."""
        now = asyncio.get_running_loop().time()
        (said, when), self._told = self._told, (text, now)
        return said != text or now - when > _NEWS_SECONDS

    async def lost_within(self, seconds: float) -> bool:
        """Return True at once when there is no connection any more, False after so long."""
        return await self._line().lost_within(seconds)

    async def connected(self) -> None:
        """Return when there is a connection; several targets are tried in turn.

        Attempts are at most 1.2 s apart, and all who wait for one connection return together.
        """
        several = len(self._address.targets) > 1
        while True:
            turn = self.turn
            try:
                async with asyncio.timeout(_TARGET_SECONDS if several else None):
                    await self._line().channel.channel_ready()
                    return
            except TimeoutError:
                self.move_on(turn)

    def _line(self, holder: object = None) -> _Line:
        lines = self._lines[self.target]
        for line in lines:
            if holder is None or len(line.holders) < _STREAMS_PER_CONNECTION:
                break
        else:
            line = _Line(self._connect())
            lines.append(line)
        if holder is not None:
            line.holders.add(holder)
        return line

    def _connect(self) -> grpc.aio.Channel:
        drop_what_comes_late(asyncio.get_running_loop())
        if self._address.secure:
            options = (*_OPTIONS, *self._trust.options)
            return grpc.aio.secure_channel(self.target, self._trust.credentials, options)
        return grpc.aio.insecure_channel(self.target, _OPTIONS)

    def release(self, holder: object) -> None:
        """Forget a holder; idempotent."""
        for lines in self._lines.values():
            for line in lines:
                line.holders.discard(holder)

    def move_on(self, turn: int) -> None:
        """Leave the target that failed, where there are several; streams that stand go on.

        `turn` is that of the failed attempt: many that fail together move on once.
        """
        if len(self._address.targets) > 1 and turn == self.turn:
            self.turn += 1

    async def close(self) -> None:
        """Close every channel, and with it what is still open on it; idempotent."""
        await self._refresher.close()
        for lines in self._lines.values():
            while lines:
                await lines.pop().close()


def _identity(frame: bytes) -> bytes:
    return frame


def _serialize(request: Message) -> bytes:
    return request.SerializeToString()
