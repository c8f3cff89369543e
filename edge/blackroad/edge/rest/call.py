"""One unary call to the core on a request's behalf."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import grpc
from fastapi import Request

from blackroad.edge.context import Context, context_of, prove
from blackroad.edge.credentials import read_credentials
from blackroad.edge.errors import Refusal, from_call, is_told
from blackroad.realtime.v1 import (
    access_pb2_grpc,
    admin_pb2_grpc,
    channel_pb2_grpc,
    presence_pb2_grpc,
    stream_pb2_grpc,
)

Q = TypeVar("Q")
A = TypeVar("A")
CLIENT_ID: Final = "blackroad-act-as-client-id"
TOKEN: Final = "blackroad-act-as-token"  # noqa: S105 - a name
TICKET: Final = "blackroad-act-as-ticket"


class Caller:
    """The core's services, for whoever made an HTTP request."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        metadata: list[tuple[str, str]],
        seconds: float,
        proven: Callable[[], None] = lambda: None,
    ) -> None:
        self._metadata = tuple(metadata)
        self._proven = proven
        self._seconds = seconds
        self.access = access_pb2_grpc.AccessServiceStub(channel)
        self.admin = admin_pb2_grpc.AdminServiceStub(channel)
        self.channels = channel_pb2_grpc.ChannelServiceStub(channel)
        self.presence = presence_pb2_grpc.PresenceServiceStub(channel)
        self.streams = stream_pb2_grpc.StreamServiceStub(channel)

    async def call(self, method: grpc.aio.UnaryUnaryMultiCallable[Q, A], request: Q) -> A:
        """Make one call; Refusal with the core's code where it fails."""
        try:
            async with unless_closed():
                answer = await method(request, timeout=self._seconds, metadata=self._metadata)
                self._proven()
                return answer
        except grpc.aio.AioRpcError as error:
            raise from_call(error) from error

    async def call_once(self, method: grpc.aio.UnaryUnaryMultiCallable[Q, A], request: Q) -> A:
        """Make a call that must not be done twice.

        Refusal `unknown` where its answer is lost: it may have been done.
        """
        try:
            return await self.call(method, request)
        except Refusal as refusal:
            cause = refusal.__cause__
            if isinstance(cause, grpc.aio.AioRpcError) and is_told(cause):
                raise
            raise Refusal("unknown") from cause


@asynccontextmanager
async def unless_closed() -> AsyncGenerator[None]:
    """Raise Refusal `unavailable` where the channel is closed, since the core is being changed.

    gRPC then cancels the calls in progress as if their caller had been cancelled.
    """
    try:
        yield
    except grpc.aio.UsageError as error:
        raise Refusal("unavailable") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        raise Refusal("unavailable") from error


async def caller_of(request: Request, ticket: str = "") -> Caller:
    """Return the caller of a request; Refusal `unavailable` where no core comes in time.

    A ticket is used by the first call.
    """
    context = context_of(request)
    link = await context.trunk.link()
    seconds = context.settings.limits.request_seconds
    metadata = _metadata(request, context)
    if ticket:
        metadata.append((TICKET, ticket))
    return Caller(link.channel, metadata, seconds, lambda: _prove(request))


def _prove(request: Request) -> None:
    """Take that a call was answered: who showed a token for it is known."""
    if read_credentials(request.headers).token:
        prove(request)


def _metadata(request: Request, context: Context) -> list[tuple[str, str]]:
    shown = read_credentials(request.headers)
    metadata = [(CLIENT_ID, "")]
    if shown.token:
        if not shown.token.isascii():  # gRPC could not even carry it
            raise Refusal("unauthenticated", "this is no token")
        metadata.append((TOKEN, shown.token))
    if context.settings.token:
        metadata.append(("authorization", f"Bearer {context.settings.token}"))
    return metadata
