"""The edge's application: all doors on one context."""

from typing import Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from typing_extensions import override

from blackroad.edge.chat import door as chat_door
from blackroad.edge.chat.openai import door as openai_door
from blackroad.edge.chat.ui import door as ui_door
from blackroad.edge.console import door as console_door
from blackroad.edge.context import Context
from blackroad.edge.doors import Doors
from blackroad.edge.errors import Refusal
from blackroad.edge.gate import Gate
from blackroad.edge.problems import on_fault, on_http_exception, on_invalid, on_refusal
from blackroad.edge.rest import (
    channels,
    members,
    operators,
    pages,
    people,
    probes,
    publish,
    streams,
)
from blackroad.edge.rest.documents import schemas
from blackroad.edge.sse import door as sse_door
from blackroad.edge.version import VERSION

PROBLEM: Final = {
    "description": "What went wrong: a problem document (RFC 9457) with `code`",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
ROUTERS: Final = (
    console_door.router,
    pages.router,
    probes.router,
    chat_door.router,
    openai_door.router,
    ui_door.router,
    publish.router,
    streams.router,
    channels.router,
    members.router,
    people.router,
    operators.router,
)


class EdgeApp(FastAPI):
    """FastAPI with the schemas of what the routes really answer."""

    @override
    def openapi(self):  # type: ignore[no-untyped-def]  # the framework's type has Any
        """Return the OpenAPI document, made once."""
        if self.openapi_schema is None:
            document = super().openapi()
            document["paths"]["/events/{client_id}"] = {"get": sse_door.operation()}
            components = document.setdefault("components", {}).setdefault("schemas", {})
            components.update(schemas())
            for routes in document["paths"].values():
                for route in routes.values():
                    route["responses"].pop("422", None)
                    route["responses"].setdefault("default", PROBLEM)
        return self.openapi_schema or {}


def make_app(context: Context) -> FastAPI:
    """Return the application of an edge."""
    app = EdgeApp(
        title="BlackRoad Realtime",
        version=VERSION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.context = context
    for router in ROUTERS:
        # As they are: what is included is built anew for each app, while its first request waits.
        app.router.routes.extend(router.routes)
    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.add_exception_handler(Exception, on_fault)
    app.add_middleware(Doors, context=context)
    app.add_middleware(Gate, context=context)
    return app
