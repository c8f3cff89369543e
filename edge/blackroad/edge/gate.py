"""The gate before all doors: `Host`, `Origin`, CORS and the security headers."""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blackroad.edge.context import Context
from blackroad.edge.errors import Refusal
from blackroad.edge.problems import problem
from blackroad.edge.security import SECURITY_HEADERS
from blackroad.edge.sse.door import refused

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# What probes and proxies ask for by HEAD: documents, never streams.
HEADS: Final = frozenset(
    {"/", "/docs", "/openapi.json", "/asyncapi.json", "/protos", "/healthz", "/readyz", "/metrics"}
)
EVENTS: Final = "/events/"
ALLOWED_METHODS: Final = "GET, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS: Final = "Authorization, Content-Type, Idempotency-Key, If-Match, Last-Event-ID"
EXPOSED_HEADERS: Final = "ETag, X-Stream-Id, Location, Retry-After, X-Should-Retry"


class Gate:
    """Refuses foreign hosts and origins with 403, answers preflights, adds headers. Plain ASGI."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app = app
        self._context = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        allowed = self.host_allowed(host) and self.origin_allowed(origin, host)
        if scope["type"] == "websocket":
            await self._shake(scope, receive, send, allowed)
            return
        refusal = self._full(scope) if allowed else None
        cross = allowed and origin is not None and not _same(origin, host)
        sender = _Dressed(send, origin if cross else None)
        if not allowed:
            await problem(Refusal("forbidden", "this host or origin is not allowed"))(
                scope, receive, sender
            )
        elif refusal is not None:
            answer = refused if scope["path"].startswith(EVENTS) else problem
            await answer(refusal)(scope, receive, sender)
        elif scope["method"] == "HEAD" and scope["path"] in HEADS:  # the server leaves out the body
            await self._app({**scope, "method": "GET"}, receive, sender)
        elif cross and scope["method"] == "OPTIONS":
            # SDKs have headers of their own: who may use the edge may send what it likes.
            wanted = headers.get("access-control-request-headers", ALLOWED_HEADERS)
            asked = [(b"access-control-allow-headers", wanted.encode("latin-1"))]
            await sender({"type": "http.response.start", "status": 204, "headers": asked})
            await sender({"type": "http.response.body"})
        else:
            await self._app(scope, receive, sender)

    async def _shake(self, scope: Scope, receive: Receive, send: Send, allowed: bool) -> None:
        """Let a handshake through, or refuse it over HTTP."""
        refusal = self._full(scope) if allowed else Refusal("forbidden")
        if refusal is None:
            await self._app(scope, receive, send)
        elif not allowed:
            await send({"type": "websocket.close", "code": 4403})
        else:
            await problem(refusal)(scope, receive, send)

    def _full(self, scope: Scope) -> Refusal | None:
        """Return why a connection may not stay: its address has too many."""
        stays = scope["type"] == "websocket" or scope["path"].startswith(EVENTS)
        try:
            self._context.admit(HTTPConnection(scope), stays=stays)
        except Refusal as refusal:
            return refusal
        return None

    @property
    def _local(self) -> bool:
        """Whether only loopback names are to be trusted: without keys, or before that is known."""
        trunk = self._context.trunk
        if trunk.restarts:
            return trunk.welcome.development
        return self._context.settings.http.loopback

    def host_allowed(self, host: str) -> bool:
        """Whether a `Host` is one of ours."""
        name = _name(f"//{host}")
        if self._context.settings.hosts:
            return name in self._context.settings.hosts or host in self._context.settings.hosts
        return not self._local or name in LOOPBACK

    def origin_allowed(self, origin: str | None, host: str) -> bool:
        """Whether an `Origin` may use this edge; without one nobody's browser is being used."""
        if origin is None:
            return True
        origins = self._context.settings.origins
        if origins:
            return _same(origin, host) or origin in origins or "*" in origins
        return _name(origin) in LOOPBACK if self._local else _same(origin, host)


class _Dressed:
    """A send that adds the headers of every answer."""

    def __init__(self, send: Send, origin: str | None) -> None:
        self._send = send
        self._origin = origin

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
            headers.add_vary_header("Origin")
            if self._origin is not None:
                headers["access-control-allow-origin"] = self._origin
                headers["access-control-allow-credentials"] = "true"
                headers["access-control-allow-methods"] = ALLOWED_METHODS
                headers.setdefault("access-control-allow-headers", ALLOWED_HEADERS)
                headers["access-control-expose-headers"] = EXPOSED_HEADERS
                headers["cross-origin-resource-policy"] = "cross-origin"
        await self._send(message)


def _name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _same(origin: str, host: str) -> bool:
    return origin in {f"http://{host}", f"https://{host}"}
