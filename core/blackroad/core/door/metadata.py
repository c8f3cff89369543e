"""How much metadata a call may have, and what becomes of it where it has more."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NoReturn, Protocol, TypeVar

import grpc
import structlog

from blackroad.core.limits.budget import MIB

LOG = structlog.get_logger(__name__)
FIELD_BYTES: Final = 32  # that a field counts beside its name and value, as in HTTP/2
LEFT_BYTES: Final = 4 * MIB
PAUSE_SECONDS: Final = 0.5

Request = TypeVar("Request")
Response = TypeVar("Response")


class Call(Protocol):
    """The part of a servicer's context that ends a call."""

    async def abort(self, code: grpc.StatusCode, details: str) -> NoReturn:
        """End it."""
        ...


class MetadataLimit(grpc.aio.ServerInterceptor):
    """Refuses each call whose metadata has more than `most_bytes`.

    gRPC's own limit holds from when a peer has acknowledged the settings that name it; until then
    it is 16 MiB. And what grpc.aio makes of a call's metadata lies in a cycle of its own: of calls
    like these a few would fill the memory before the collector looks, so it is called for.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._left_bytes = 0
        self._collecting: asyncio.TimerHandle | None = None

    async def intercept_service(
        self,
        continuation: Callable[
            [grpc.HandlerCallDetails],
            Awaitable["grpc.RpcMethodHandler[Request, Response] | None"],
        ],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Request, Response] | None":
        """Let the call through, or return a handler that refuses it."""
        size = weight(handler_call_details.invocation_metadata)
        if size <= self._most_bytes:
            return await continuation(handler_call_details)
        self._leave(size)
        return grpc.stream_stream_rpc_method_handler(self._refuse)

    async def _refuse(self, _: object, call: Call) -> None:
        text = f"the metadata of a call has at most {self._most_bytes} bytes"
        await call.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)

    def _leave(self, size: int) -> None:
        self._left_bytes += size
        if self._left_bytes > LEFT_BYTES and self._collecting is None:
            later = asyncio.get_running_loop().call_later
            self._collecting = later(PAUSE_SECONDS, self._collect)

    def _collect(self) -> None:
        LOG.warning("metadata.flood", bytes=self._left_bytes)
        self._collecting = None
        self._left_bytes = 0
        gc.collect()


def weight(metadata: Iterable[tuple[str, str | bytes]] | None) -> int:
    """Return the bytes of metadata as HTTP/2 counts them."""
    return sum(len(name) + len(value) + FIELD_BYTES for name, value in metadata or ())
