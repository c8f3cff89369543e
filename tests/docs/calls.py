"""Calls everything that the doors of an installation have, and tells what is not implemented."""

import asyncio
import json
from collections.abc import Iterator
from typing import Final

import grpc
import httpx
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from websockets.asyncio.client import connect

from blackroad.edge.frames.client import TYPES
from blackroad.realtime.v1 import (
    access_pb2,
    admin_pb2,
    channel_pb2,
    gateway_pb2,
    presence_pb2,
    stream_pb2,
)

FILES: Final = (access_pb2, admin_pb2, channel_pb2, gateway_pb2, presence_pb2, stream_pb2)
SECONDS: Final = 10.0


def methods() -> Iterator[MethodDescriptor]:
    """Yield every rpc of the contract."""
    for file in FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            yield from service.methods


def name_of(method: MethodDescriptor) -> str:
    """Return an rpc as `Service.Method`."""
    return f"{method.containing_service.name}.{method.name}"


async def unimplemented_rpcs(address: str) -> set[str]:
    """Return the rpcs, and the frames of those with streams, that answer UNIMPLEMENTED."""
    async with grpc.aio.insecure_channel(address) as channel:
        called = [
            name
            for method in methods()
            for name in (
                [_stream(channel, method, arm) for arm in frames_of(method)]
                if method.client_streaming
                else [_unary(channel, method)]
            )
        ]
        return {name for name in await asyncio.gather(*called) if name}


def frames_of(method: MethodDescriptor) -> list[str]:
    """Return the frames that a client may send, but for those that every stream has."""
    fields = method.input_type.oneofs_by_name["frame"].fields
    return [field.name for field in fields if field.name not in {"hello", "batch"}]


def _same(message: bytes) -> bytes:
    return message


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


async def _unary(channel: grpc.aio.Channel, method: MethodDescriptor) -> str:
    """Return the rpc's name where it is not implemented."""
    call = channel.unary_unary(_path(method), _same, _same)(b"", timeout=SECONDS)
    return name_of(method) if await call.code() == grpc.StatusCode.UNIMPLEMENTED else ""


async def _stream(channel: grpc.aio.Channel, method: MethodDescriptor, arm: str) -> str:
    """Return the frame's name where it is rejected as not implemented; it has nothing in it."""
    call = channel.stream_stream(_path(method), _same, _same)(timeout=SECONDS)
    await call.write(_request(method, arm).SerializeToString())
    await call.done_writing()
    answers = message_factory.GetMessageClass(method.output_type)
    try:
        async with asyncio.timeout(1):  # nothing more comes; a stream does not end by itself
            while isinstance(read := await call.read(), bytes):
                if "UNIMPLEMENTED" in str(answers.FromString(read)):
                    return f"{name_of(method)} {arm}"
    except (TimeoutError, grpc.aio.AioRpcError):
        pass
    finally:
        call.cancel()
    return ""


def _request(method: MethodDescriptor, arm: str) -> Message:
    request = message_factory.GetMessageClass(method.input_type)()
    getattr(request, arm).SetInParent()
    if "request_id" in method.input_type.fields_by_name:
        setattr(request, "request_id", "1")  # noqa: B010 - the type is known at run time only
    return request


def routes(address: str) -> list[str]:
    """Return the HTTP routes of the OpenAPI document as `METHOD /path`."""
    paths = httpx.get(f"http://{address}/openapi.json").raise_for_status().json()["paths"]
    return [f"{method.upper()} {path}" for path, each in paths.items() for method in each]


def unimplemented_routes(address: str) -> Iterator[str]:
    """Yield the routes that answer 501."""
    bodies = [{}, {"jti": "x"}]
    for route in routes(address):
        method, path = route.split()
        if "events/" in path or "/streams/" in path:
            continue  # they go on; that they work is shown elsewhere
        url = f"http://{address}" + path.replace("{", "no-").replace("}", "")
        sent = bodies if method in {"POST", "PUT", "PATCH"} else [None]
        if any(httpx.request(method, url, json=body).status_code == 501 for body in sent):
            yield route


async def unimplemented_frames(address: str) -> set[str]:
    """Return the types of WebSocket frames that are answered by `unimplemented`."""
    everything = {"token": "t", "room": "r", "stream_id": "st_1", "content": 1, "status": "online"}
    waiting, found = set(TYPES), set[str]()
    async with connect(f"ws://{address}/ws/status") as socket:
        for kind in TYPES:
            frame = {"type": kind, "id": kind, "event": "e", **everything}
            await socket.send(json.dumps(frame))
        async with asyncio.timeout(SECONDS):
            while waiting:
                answer = json.loads(await socket.recv())
                waiting.discard(answer.get("id"))
                if answer.get("code") == "unimplemented":
                    found.add(answer["id"])
    return found
