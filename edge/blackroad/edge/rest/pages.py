"""What describes the API: pages that work offline, OpenAPI, AsyncAPI, the contract."""

from importlib.resources import files
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from blackroad.edge.errors import Refusal
from blackroad.edge.rest.asyncapi import asyncapi
from blackroad.edge.rest.documents import reply
from blackroad.realtime.v1 import access_pb2, admin_pb2, gateway_pb2

router = APIRouter(include_in_schema=False)
TYPES: Final = {
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
}
FILES: Final = frozenset({"docs.js", "pages.css"})


@router.get("/docs", response_class=HTMLResponse)
async def docs() -> Response:
    """Show the API, from its OpenAPI document."""
    return _page("docs.html")


@router.get("/pages/{name}")
async def page(name: str) -> Response:
    """Return what the pages need."""
    if name not in FILES:
        raise Refusal("not_found")
    return _page(name)


@router.get("/openapi.json")
async def openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    return reply(request.app.openapi())


@router.get("/asyncapi.json")
async def asyncapi_document() -> Response:
    """Return the AsyncAPI document of the WebSocket."""
    return reply(asyncapi())


@router.get("/protos")
async def protos() -> Response:
    """Return the gRPC contract as a FileDescriptorSet, as `grpcurl -protoset` takes it."""
    found: dict[str, FileDescriptor] = {}
    for file in (access_pb2.DESCRIPTOR, admin_pb2.DESCRIPTOR, gateway_pb2.DESCRIPTOR):
        _collect(file, found)
    contract = FileDescriptorSet()
    for descriptor in found.values():
        descriptor.CopyToProto(contract.file.add())
    headers = {"Content-Disposition": 'attachment; filename="blackroad.binpb"'}
    return Response(contract.SerializeToString(), 200, headers, "application/x-protobuf")


def _collect(file: FileDescriptor, found: dict[str, FileDescriptor]) -> None:
    for needed in file.dependencies:
        _collect(needed, found)
    found.setdefault(file.name, file)


def _page(name: str) -> Response:
    content = files("blackroad.edge.pages").joinpath(name).read_bytes()
    return Response(content, media_type=TYPES[name.rpartition(".")[2]])
