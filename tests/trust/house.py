"""A core with keys in which everything is there that the tables speak of."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc

from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, event_pb2, stream_pb2
from tests.core.access.world import Core, bearer, running, token

DENIED = frozenset({"FORBIDDEN", "NOT_MEMBER", "UNAUTHENTICATED"})
PRIVATE = channel_pb2.ChannelPolicy(access=channel_pb2.CHANNEL_ACCESS_PRIVATE)


@dataclass(frozen=True)
class House:
    """The core, and the id of the answer that ann asked for in conversation c1."""

    core: Core
    stream_id: str

    async def publish(self, shown: str, channel: str) -> None:
        """Publish one event."""
        await channel_pb2_grpc.ChannelServiceStub(self.core.channel).Publish(
            draft(channel), metadata=bearer(shown), timeout=5
        )


def draft(channel: str) -> channel_pb2.PublishRequest:
    return channel_pb2.PublishRequest(channel=channel, events=[event_pb2.Draft(text="x")])


@asynccontextmanager
async def house() -> AsyncGenerator[House]:
    async with running() as core:
        channels = channel_pb2_grpc.ChannelServiceStub(core.channel)
        made = channel_pb2.CreateChannelRequest(name="deals.big", policy=PRIVATE, members=["ann"])
        await channels.CreateChannel(made, metadata=bearer(token("root")))
        worker = await core.serve(token("worker", kind="agent"), "ECHO")
        asker = await core.open(token("ann"))
        target = stream_pb2.Target(agent="ECHO")
        invoke = stream_pb2.Invoke(target=target, text="hi", conversation="c1")
        await asker.say("1", start=invoke)
        work = await worker.read("invocation")
        accept = stream_pb2.AcceptInvocation()
        await worker.say(stream_id=work.stream_id, attempt=work.attempt, accept=accept)
        await asker.read("started")
        yield House(core, work.stream_id)


def reason(error: grpc.aio.AioRpcError) -> str:
    """Return the code of a failed call that was denied; else the name of its status."""
    if error.code() is grpc.StatusCode.PERMISSION_DENIED:
        return "FORBIDDEN"
    return error.code().name
