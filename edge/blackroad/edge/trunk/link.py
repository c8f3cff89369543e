"""One connection to one core: the three streams of a trunk, from hello to the first that ends."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Final, Protocol

import grpc

from blackroad.edge.trunk.outbox import Outbox
from blackroad.edge.version import VERSION
from blackroad.realtime.v1 import common_pb2, gateway_pb2

METHOD: Final = "/blackroad.realtime.v1.GatewayService/Trunk"
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
# Of a name's addresses any, else all edges of a fleet would be at the same core.
SPREAD: Final = '{"loadBalancingConfig":[{"pick_first":{"shuffleAddressList":true}}]}'
OPTIONS: Final[Sequence[tuple[str, int | str]]] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.service_config", SPREAD),
)
WELCOME_SECONDS: Final = 5.0
PING_SECONDS: Final = 1.0
PONG_SECONDS: Final = 5.0

CONTROL: Final = gateway_pb2.TRUNK_ROLE_CONTROL
LIVE: Final = gateway_pb2.TRUNK_ROLE_LIVE
CATCH_UP: Final = gateway_pb2.TRUNK_ROLE_CATCH_UP

REFUSED: Final = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED})

Call = grpc.aio.StreamStreamCall[bytes, gateway_pb2.TrunkResponse]
Take = Callable[[gateway_pb2.TrunkResponse], None]


class LinkLost(Exception):  # noqa: N818 - it is what happened, and expected
    """The connection to a core is over, for whatever reason.

    Where the core did not want this edge, its words are the argument.
    """


class Reader(Protocol):
    """Takes what the core says, frame by frame; batches are taken apart before."""

    def take_control(self, response: gateway_pb2.TrunkResponse, /) -> None:
        """Take a frame of CONTROL."""
        ...

    def take_live(self, response: gateway_pb2.TrunkResponse, /) -> None:
        """Take a frame of LIVE."""
        ...

    def take_catch_up(self, response: gateway_pb2.TrunkResponse, /) -> None:
        """Take a frame of CATCH_UP."""
        ...


class Link:
    """The open streams: write by `control` and `catch_up`, read by the Reader given to `run`."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self.channel = channel
        self.control = Outbox()
        self.catch_up = Outbox()
        self.welcome = common_pb2.Welcome()
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._calls: list[Call] = []
        self._heard = asyncio.Event()

    async def open(self, cursor: str, public: bool) -> None:
        """Say hello on all three streams; LinkLost where the core is not there or refuses."""
        try:
            async with asyncio.timeout(WELCOME_SECONDS):
                welcome = await self._open_stream(CONTROL, "", cursor, public)
                self.welcome = welcome.welcome
                for role in (LIVE, CATCH_UP):
                    await self._open_stream(role, welcome.trunk_id, cursor, public)
        except (grpc.aio.AioRpcError, TimeoutError) as error:
            self.cancel()
            raise LinkLost(*_refusal(error)) from error

    async def _open_stream(
        self, role: gateway_pb2.TrunkRole.ValueType, trunk_id: str, cursor: str, public: bool
    ) -> gateway_pb2.TrunkWelcome:
        call = self._start_call()
        client = common_pb2.ClientInfo(name="blackroad-edge", version=VERSION)
        hello = gateway_pb2.TrunkHello(
            hello=common_pb2.Hello(protocol_version=1, features=["batch"], client=client),
            role=role,
            trunk_id=trunk_id,
            cursor=cursor,
            public=public,
        )
        await call.write(gateway_pb2.TrunkRequest(hello=hello).SerializeToString())
        answer = await call.read()
        if not isinstance(answer, gateway_pb2.TrunkResponse) or not answer.HasField("welcome"):
            raise LinkLost
        return answer.welcome

    def _start_call(self) -> Call:
        stream: grpc.aio.StreamStreamMultiCallable[bytes, gateway_pb2.TrunkResponse] = (
            self.channel.stream_stream(
                METHOD, response_deserializer=gateway_pb2.TrunkResponse.FromString
            )
        )
        call: Call = stream(metadata=self._metadata)
        self._calls.append(call)
        return call

    async def run(self, reader: Reader, beside: Coroutine[None, None, None]) -> None:
        """Carry frames both ways until a stream ends; then LinkLost, always.

        `beside` runs meanwhile; it may end.
        """
        control, live, catch_up = self._calls
        cause: BaseException | None = None
        asked = _cancelling()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write(control, self.control))
                tasks.create_task(self._write(catch_up, self.catch_up))
                tasks.create_task(_read(control, self._take_control(reader)))
                tasks.create_task(_read(live, reader.take_live))
                tasks.create_task(_read(catch_up, reader.take_catch_up))
                tasks.create_task(self._watch())
                tasks.create_task(beside)
        except* (grpc.aio.AioRpcError, asyncio.InvalidStateError, LinkLost) as errors:
            cause = errors  # what is raised in here is wrapped before Python 3.11.4
        finally:
            self.cancel()
        _settle(asked)
        raise LinkLost from cause

    def cancel(self) -> None:
        """End the streams. Idempotent."""
        for call in self._calls:
            call.cancel()

    async def _write(self, call: Call, outbox: Outbox) -> None:
        await outbox.run(call.write)

    def _take_control(self, reader: Reader) -> Take:
        def take(response: gateway_pb2.TrunkResponse) -> None:
            self._heard.set()
            if response.WhichOneof("frame") != "pong":
                reader.take_control(response)

        return take

    async def _watch(self) -> None:
        """Prove the way round once a second: a core that stands still is as good as gone."""
        ping = gateway_pb2.TrunkRequest(ping=common_pb2.Ping())
        while True:
            self._heard.clear()
            self.control.put_own(ping)
            try:
                async with asyncio.timeout(PONG_SECONDS):
                    await self._heard.wait()  # anything: the pong may be behind much else
            except TimeoutError:
                raise LinkLost from None
            await asyncio.sleep(PING_SECONDS)


async def _read(call: Call, take: Take) -> None:
    while True:
        response = await call.read()
        if not isinstance(response, gateway_pb2.TrunkResponse):
            raise LinkLost
        if response.WhichOneof("frame") == "batch":
            for frame in response.batch.frames:
                take(frame)
        else:
            take(response)


def _cancelling() -> int:
    """Return how often this task was asked to end."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


def _settle(asked: int) -> None:
    """Take back the one request to end that a group which failed leaves behind.

    A timeout takes it for somebody's, before Python 3.11.3. One more is somebody's, and the group
    has forgotten it for the failure: CancelledError.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling() > asked and task.uncancel() > asked:
        raise asyncio.CancelledError


def _refusal(error: Exception) -> tuple[str, ...]:
    if isinstance(error, grpc.aio.AioRpcError) and error.code() in REFUSED:
        return (error.details() or error.code().name,)
    return ()


@asynccontextmanager
async def connect(
    address: str,
    token: str,
    credentials: Callable[[], grpc.ChannelCredentials] | None,
    server_name: str = "",
) -> AsyncGenerator[Link]:
    """Open a channel of its own to one core, and close it in the end.

    LinkLost where the files of the credentials cannot be read.
    """
    named = (("grpc.ssl_target_name_override", server_name),) if server_name else ()
    try:
        channel = (
            grpc.aio.insecure_channel(address, options=OPTIONS)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials(), options=(*OPTIONS, *named))
        )
    except OSError as error:
        raise LinkLost from error
    async with channel:
        yield Link(channel, token)
