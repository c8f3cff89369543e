"""The connection to the core: gRPC channels, the identity on each call, and unary calls."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import grpc
from google.protobuf.message import Message

from blackroad.client.address import Address
from blackroad.client.codes import from_status
from blackroad.client.errors import Unavailable

Response = TypeVar("Response", bound=Message)

_OPTIONS: Final = (
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
_PACKAGE: Final = "/blackroad.realtime.v1."
# A server allows 100 streams on one connection; the rest would wait without a word.
_STREAMS_PER_CONNECTION: Final = 64


@dataclass(frozen=True, slots=True)
class Rpc(Generic[Response]):
    """A bidirectional stream: its name, how a response is read, the first frame, how many are one.

    Requests are serialized before they are queued, so that a bound in bytes costs nothing more.
    """

    name: str
    kind: type[Response]
    hello: bytes
    batch: Callable[[list[bytes]], bytes] | None


class Dial:
    """gRPC channels to one of the targets at a time; belongs to the loop that first uses it."""

    def __init__(self, address: Address, token: str | None) -> None:
        self._address = address
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._channels: list[tuple[grpc.aio.Channel, set[object]]] = []
        self._retired: list[grpc.aio.Channel] = []
        self.turn = 0

    @property
    def target(self) -> str:
        """The target in use, for people."""
        return self._address.targets[self.turn % len(self._address.targets)]

    def open(
        self, rpc: Rpc[Response], holder: object = None
    ) -> "grpc.aio.StreamStreamCall[bytes, Response]":
        """Begin a stream. It fails at the first read where there is no server.

        A holder, given back by `release`, counts against what one connection carries.
        """
        method: grpc.aio.StreamStreamMultiCallable[bytes, Response] = self._channel(
            holder
        ).stream_stream(
            _PACKAGE + rpc.name,
            request_serializer=_identity,
            response_deserializer=rpc.kind.FromString,
        )
        return method(metadata=self._metadata)

    async def unary(
        self,
        name: str,
        request: Message,
        parse: Callable[[bytes], Response],
        timeout_seconds: float,
    ) -> Response:
        """Make a unary call, `ChannelService/Publish` for example. Raises RealtimeError."""
        await self._find_target(timeout_seconds)
        method: grpc.aio.UnaryUnaryMultiCallable[Message, Response] = self._channel().unary_unary(
            _PACKAGE + name, request_serializer=_serialize, response_deserializer=parse
        )
        try:
            return await method(
                request, metadata=self._metadata, timeout=timeout_seconds, wait_for_ready=True
            )
        except grpc.aio.AioRpcError as error:
            failed = from_status(error)
            if failed.code == "deadline_exceeded" and not self._reached():
                where = f"no core answers at {self.target}"
                failed = Unavailable("unavailable", where, retryable=True)
            raise failed from None

    async def _find_target(self, timeout_seconds: float) -> None:
        """Try several targets in turn for a connection, for so long at most."""
        if len(self._address.targets) == 1:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        while loop.time() < deadline:
            turn = self.turn
            try:
                async with asyncio.timeout_at(min(deadline, loop.time() + _TARGET_SECONDS)):
                    await self._channel().channel_ready()
                    return
            except TimeoutError:
                self.move_on(turn)

    def _reached(self) -> bool:
        """Tell whether there is a connection: which side a passed deadline is to be blamed on."""
        return self._channel().get_state() is grpc.ChannelConnectivity.READY

    def _channel(self, holder: object = None) -> grpc.aio.Channel:
        for channel, holders in self._channels:
            if holder is None or len(holders) < _STREAMS_PER_CONNECTION:
                if holder is not None:
                    holders.add(holder)
                return channel
        channel = self._connect()
        self._channels.append((channel, set() if holder is None else {holder}))
        return channel

    def _connect(self) -> grpc.aio.Channel:
        if self._address.secure:
            credentials = grpc.ssl_channel_credentials()
            return grpc.aio.secure_channel(self.target, credentials, _OPTIONS)
        return grpc.aio.insecure_channel(self.target, _OPTIONS)

    def release(self, holder: object) -> None:
        """Forget a holder; idempotent."""
        for _, holders in self._channels:
            holders.discard(holder)

    def move_on(self, turn: int) -> None:
        """Leave the target that failed, where there are several; streams that stand go on.

        `turn` is that of the failed attempt: many that fail together move on once.
        """
        if len(self._address.targets) > 1 and turn == self.turn:
            self.turn += 1
            self._retired += [channel for channel, _ in self._channels]
            self._channels = []

    async def close(self) -> None:
        """Close every channel, and with it what is still open on it; idempotent."""
        channels = [*self._retired, *(channel for channel, _ in self._channels)]
        self._channels, self._retired = [], []
        for channel in channels:
            await channel.close()


def _identity(frame: bytes) -> bytes:
    return frame


def _serialize(request: Message) -> bytes:
    return request.SerializeToString()
