"""The frames of `Serve` that scripts answer with."""

from blackroad.client import (
    Agent,
    Client,
)
from blackroad.realtime.v1 import common_pb2, stream_pb2
from tests.client.scripted import ServeWire

REGISTERED = stream_pb2.ServeResponse(registered=stream_pb2.Registered(serves=["agent.A"]))


def invocation(stream_id: str, text: str, attempt: int = 1) -> stream_pb2.ServeResponse:
    turn = stream_pb2.Message(role=stream_pb2.ROLE_USER, parts=[stream_pb2.MessagePart(text=text)])
    wanted = stream_pb2.Invocation(messages=[turn])
    return stream_pb2.ServeResponse(stream_id=stream_id, attempt=attempt, invocation=wanted)


def cancel(stream_id: str, attempt: int = 1) -> stream_pb2.ServeResponse:
    code = stream_pb2.CancelInvocation(code=common_pb2.ERROR_CODE_CANCELLED)
    return stream_pb2.ServeResponse(stream_id=stream_id, attempt=attempt, cancel=code)


async def register(wire: ServeWire) -> stream_pb2.Register:
    frame = await wire.read()
    assert frame.WhichOneof("frame") == "register"
    await wire.write(REGISTERED)
    return frame.register


async def to_the_end(wire: ServeWire) -> list[stream_pb2.ServeRequest]:
    """Read the frames of one invocation up to its ending."""
    frames = [await wire.read()]
    while frames[-1].WhichOneof("frame") not in {"finish", "fail"}:
        frames.append(await wire.read())
    return frames


async def goodbye(wire: ServeWire) -> None:
    """Answer a drain as a core does: by the end of the stream."""
    frame = await wire.read()
    assert frame.WhichOneof("frame") == "drain"


async def serve(agent: Agent, url: str) -> None:
    async with Client(url) as client:
        await agent.serve(client=client)
