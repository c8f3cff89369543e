"""Bodies read strictly: bounded, and JSON as the WebSocket takes it."""

from collections.abc import Callable, Coroutine

from fastapi import Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from typing_extensions import override

from blackroad.edge.context import context_of
from blackroad.edge.errors import Refusal
from blackroad.edge.frames.scan import scan
from blackroad.edge.transport import limit_body

Handler = Callable[[Request], Coroutine[object, object, Response]]


class StrictRequest(Request):
    """A request whose JSON has no key twice, no NaN, no lone surrogate and a bounded depth."""

    _value: tuple[object] | None = None

    async def json(self) -> object:
        """Return the parsed body; Refusal where it is not what the edge takes."""
        limits = context_of(self).settings.limits
        if self._value is None:
            body = await self.body()
            self._value = (scan(body, limits.max_frame_bytes, limits.max_json_depth),)
        return self._value[0]


class StrictRoute(APIRoute):
    """A route that reads its body with `StrictRequest`."""

    @override
    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            limit_body(request.scope, context_of(request).settings.limits.max_frame_bytes)
            strict_request = StrictRequest(request.scope, request.receive)
            try:
                if await strict_request.body():
                    await strict_request.json()  # here, so that the refusal says what is wrong
                return await handler(strict_request)
            except ClientDisconnect:
                raise Refusal("cancelled") from None

        return strict
