"""What stands before every rpc: who calls, what a failure looks like, what is counted."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, Protocol, TypeAlias, cast

import grpc
import structlog
from google.protobuf.message import DecodeError, Message

from blackroad.core.door.caller import CALLER, certificate, headers
from blackroad.core.door.calls import Calls
from blackroad.core.door.counts import Counts
from blackroad.core.door.status import code_of, internal, status_of
from blackroad.core.errors import Code, CodedError, Ending
from blackroad.core.identity.audit import AUDIT
from blackroad.core.identity.identity import Identity

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, Response]"
Response: TypeAlias = Message | bytes
Parse: TypeAlias = Callable[[bytes], Message]
Requests: TypeAlias = AsyncIterator[Message]
Guarded: TypeAlias = (
    "grpc.RpcMethodHandler[bytes, Response] | grpc.RpcMethodHandler[Message, Response]"
)
Identify: TypeAlias = Callable[[Mapping[str, str], Callable[[], str]], Awaitable[Identity]]
"""Tells who calls, by the headers and, where TLS has verified one, the certificate as PEM."""
Charge: TypeAlias = Callable[[Identity, str], None]
"""Counts a unary call, by its service and method, to who makes it; may raise `Rejection`."""

LOG = structlog.get_logger(__name__)
GREETING_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 0.05


class Handler(Protocol):
    """One rpc as generated code describes it."""

    request_streaming: bool
    response_streaming: bool
    request_deserializer: Parse
    unary_unary: Callable[[Message, Context], Awaitable[Response]]
    unary_stream: Callable[[Message, Context], AsyncIterator[Response] | Awaitable[None]]
    stream_stream: Callable[[Requests, Context], AsyncIterator[Response] | Awaitable[None]]


class Guard:
    """Stands before one rpc. `identify` is None where anyone may call, as for health."""

    def __init__(
        self,
        handler: Handler,
        counts: Counts,
        calls: Calls,
        identify: Identify | None,
        charge: Charge,
    ) -> None:
        self._handler = handler
        self._counts = counts
        self._calls = calls
        self._identify = identify
        self._charge = charge
        self._parse = handler.request_deserializer
        self._method = "/".join(counts.labels[1:])

    def guarded(self) -> "Guarded":
        """Return the rpc with everything that stands before it."""
        match self._handler.request_streaming, self._handler.response_streaming:
            case False, False:
                return grpc.unary_unary_rpc_method_handler(self._unary, _raw, self._serialize)
            case False, True:
                return grpc.unary_stream_rpc_method_handler(self._reply, _raw, self._serialize)
            case True, True:
                return grpc.stream_stream_rpc_method_handler(
                    self._talk, self._deserialize, self._serialize
                )
            case _:
                raise NotImplementedError(f"{self._method} streams requests only")

    async def _unary(self, raw: bytes, context: Context) -> Response:
        answered: list[Response] = []

        async def serve() -> None:
            if self._identify is not None:
                self._charge(CALLER.get(), self._method)
            answered.append(await self._handler.unary_unary(self._deserialize(raw), context))

        await self._serve(serve, context)
        return answered[0]

    async def _reply(self, raw: bytes, context: Context) -> None:
        async def serve() -> None:
            request = self._deserialize(raw)
            await _written(self._handler.unary_stream(request, context), context)

        await self._serve(serve, context)

    async def _talk(self, requests: Requests, context: Context) -> None:
        async def serve() -> None:
            await _written(self._handler.stream_stream(requests, context), context)

        await self._serve(serve, context, requests)

    async def _serve(
        self,
        serve: Callable[[], Awaitable[None]],
        context: Context,
        requests: Requests | None = None,
    ) -> None:
        """Let the service answer; turn what it raises into the status that the caller sees."""
        began = time.perf_counter()
        self._counts.started += 1
        code = grpc.StatusCode.OK
        try:
            with self._calls.one():
                try:
                    await self._admit(context)
                except CodedError:
                    if requests is not None:
                        await _hear_out(requests)
                    raise
                await serve()
        except asyncio.CancelledError:
            code = grpc.StatusCode.CANCELLED
            raise
        except grpc.aio.AbortError:
            code = _as_code(context.code())
            raise
        except Exception as error:
            if _is_lost(error):
                code = grpc.StatusCode.CANCELLED
                raise asyncio.CancelledError from error
            coded = _coded(error) or self._fault(error)
            code = code_of(coded)
            AUDIT.refused(CALLER.get(None), self._method, coded)
            await context.abort_with_status(status_of(coded))
        finally:
            self._counts.end(code.name, time.perf_counter() - began)

    async def _admit(self, context: Context) -> None:
        if self._identify is None:
            return
        if self._calls.refusal is not None:
            raise self._calls.refusal
        sent = headers(context)
        CALLER.set(await self._identify(sent, lambda: certificate(context)))
        if trace := sent.get("traceparent"):
            structlog.contextvars.bind_contextvars(trace=trace)

    def _fault(self, error: Exception) -> CodedError:
        LOG.error("call.failed", method=self._method, exc_info=error)
        return internal()

    def _deserialize(self, raw: bytes) -> Message:
        self._counts.received += 1
        try:
            return self._parse(raw)
        except DecodeError:
            text = "the message does not parse, or is nested too deep"
            raise Ending(Code.BAD_FRAME, text) from None

    def _serialize(self, response: Response) -> bytes:
        """Let what a service serialized itself pass as it is."""
        self._counts.sent += 1
        return response if isinstance(response, bytes) else response.SerializeToString()


def _raw(raw: bytes) -> bytes:
    """Leave the parsing to the guard: what a deserializer raises, grpc.aio tells the caller."""
    return raw


async def _hear_out(requests: Requests) -> None:
    """Let a caller that is about to be refused say what it has to say at once, for a moment.

    grpc.aio tells a caller whose write is cut off of an INTERNAL error, not of the refusal.
    """
    with suppress(TimeoutError, StopAsyncIteration, CodedError):
        async with asyncio.timeout(GREETING_SECONDS):
            await anext(requests)
            while True:
                async with asyncio.timeout(PAUSE_SECONDS):
                    await anext(requests)


async def _written(answer: AsyncIterator[Response] | Awaitable[None], context: Context) -> None:
    """Write what a generator yields; or await a service that writes itself."""
    if inspect.isawaitable(answer):
        await answer
        return
    async for response in answer:
        await context.write(response)


def _coded(error: BaseException) -> CodedError | None:
    """Return the coded error that this is, or that a group of nothing else begins with."""
    if isinstance(error, CodedError):
        return error
    if not isinstance(error, BaseExceptionGroup):
        return None
    group = cast("BaseExceptionGroup[BaseException]", error)
    coded = [_coded(inner) for inner in group.exceptions]
    return coded[0] if all(coded) else None


def _is_lost(error: BaseException) -> bool:
    """Tell whether the peer went while something was being written to it."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return all(_is_lost(inner) for inner in group.exceptions)
    return isinstance(error, grpc.aio.InternalError)


def _as_code(code: grpc.StatusCode | int) -> grpc.StatusCode:
    """Return a status code that a context may know by its number."""
    if isinstance(code, grpc.StatusCode):
        return code
    return next(known for known in grpc.StatusCode if known.value[0] == code)
