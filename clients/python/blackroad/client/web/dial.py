"""The connection to an edge: WebSockets for streams, HTTP for unary calls."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from functools import cached_property
from typing import TypeVar
from weakref import WeakSet

import httpx
import msgspec
from google.protobuf.message import Message
from typing_extensions import override

from blackroad.client.address import Address
from blackroad.client.codes import error_of
from blackroad.client.dial import Dial, Rpc, Stream
from blackroad.client.errors import Ended, RealtimeError, Unavailable
from blackroad.client.token import TokenProvider
from blackroad.client.trust import Trust
from blackroad.client.web.call import WebCall
from blackroad.client.web.socket import Place, Socket
from blackroad.client.web.talk import Answers, Channels
from blackroad.client.web.unary import route_of
from blackroad.realtime.v1 import channel_pb2, stream_pb2

Response = TypeVar("Response", bound=Message)


class _Problem(msgspec.Struct):
    code: str = ""
    detail: str = ""
    retryable: bool = False
    retry_after_seconds: float | None = None


class _Claims(msgspec.Struct):
    sub: str = ""


class WebDial(Dial):
    """Speaks for a client where only HTTP gets through; what that cannot say is `unimplemented`.

    Each stream is a WebSocket, and a session, of its own.
    """

    def __init__(
        self, address: Address, token: str | TokenProvider | None, trust: Trust | None = None
    ) -> None:
        super().__init__(address, token, trust)
        self._calls = WeakSet[WebCall]()
        self._http: httpx.AsyncClient | None = None

    @cached_property
    def _context(self) -> ssl.SSLContext | None:
        return self._trust.context if self._address.secure else None

    @override
    def open(self, rpc: Rpc[Response], holder: object = None) -> Stream:
        if rpc.kind is channel_pb2.ConnectResponse:
            call = WebCall(self._socket, Channels())
        elif rpc.kind is stream_pb2.OpenResponse:
            call = WebCall(self._socket, Answers())
        else:
            return _Unspoken(rpc.name)
        self._calls.add(call)
        return call

    async def _socket(self) -> Socket:
        host, _, port = self.target.rpartition(":")
        name = self._trust.server_name or None
        place = Place(host.strip("[]"), int(port), self._context, name)
        token = self._tokens.token
        return await Socket.connect(place, _subject(token), token)

    @override
    async def _unary(
        self,
        name: str,
        request: Message,
        parse: Callable[[bytes], Response],
        timeout_seconds: float,
    ) -> Response:
        route = route_of(name, request)
        await self.identify()
        scheme = "https" if self._address.secure else "http"
        if self._http is None:
            self._http = httpx.AsyncClient(verify=self._context or False, trust_env=False)
        try:
            answer = await self._http.get(
                f"{scheme}://{self.target}{route.path}",
                params=route.query,
                headers=dict(self._tokens.metadata),
                timeout=timeout_seconds,
            )
        except httpx.HTTPError as error:
            where = f"no edge answers at {self.target}"
            raise Unavailable("unavailable", where, retryable=True) from error
        if not answer.is_success:
            raise _refusal(answer)
        return parse(route.read(answer.content).SerializeToString())

    @override
    async def lost_within(self, seconds: float) -> bool:
        await asyncio.sleep(seconds)
        return False

    @override
    async def connected(self) -> None:
        """Return at once: each stream makes a connection of its own."""

    @override
    async def close(self) -> None:
        await super().close()
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        for call in calls:
            await call.wait_closed()
        if self._http is not None:
            await self._http.aclose()


class _Unspoken:
    """A stream that browsers do not have."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def read(self) -> object:
        raise Ended("unimplemented", f"{self._name} needs grpc:// or grpcs://, not http://")

    async def write(self, request: bytes, /) -> None:
        """Send nothing: `read` tells why."""

    def cancel(self) -> bool:
        return False


def _subject(token: str | None) -> str:
    """Return whom a token names, unverified; without one, who a developer is."""
    if token is None:
        return "developer"
    try:
        payload = token.split(".")[1]
        document = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        return msgspec.json.decode(document, type=_Claims).sub or "unknown"
    except (IndexError, ValueError, msgspec.MsgspecError):
        return "unknown"  # whoever checks the token says so


def _refusal(answer: httpx.Response) -> RealtimeError:
    """Return the error that a problem document tells."""
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    return error_of(
        problem.code or "unavailable",
        problem.detail or f"the edge answered {answer.status_code}",
        retryable=problem.retryable,
        retry_after_seconds=problem.retry_after_seconds,
    )
