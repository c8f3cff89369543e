"""The routes of the console: four files, which never leave the process's memory."""

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Final, NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from blackroad.edge.errors import Refusal

router = APIRouter(include_in_schema=False)
INDEX: Final = "index.html"
TYPES: Final = {
    INDEX: "text/html; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "console.css": "text/css; charset=utf-8",
    "console.svg": "image/svg+xml",
}


class File(NamedTuple):
    """A built file. The names never change: the tag says whether the content has."""

    content: bytes
    etag: str


@router.get("/", response_class=HTMLResponse)
async def index(request: Request) -> Response:
    """Show the console."""
    return _answer(request, INDEX)


@router.get("/console/{name}")
async def file(request: Request, name: str) -> Response:
    """Return what the console is made of."""
    if name not in TYPES or name == INDEX:
        raise Refusal("not_found")
    return _answer(request, name)


def _answer(request: Request, name: str) -> Response:
    found = _read(name)
    headers = {"ETag": found.etag, "Cache-Control": "no-cache"}
    if request.headers.get("if-none-match", "").removeprefix("W/") == found.etag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, 200, headers, TYPES[name])


@cache
def _read(name: str) -> File:
    content = files("blackroad.edge.console").joinpath("files", name).read_bytes()
    return File(content, f'"{sha256(content).hexdigest()[:16]}"')
