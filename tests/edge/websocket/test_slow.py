"""A browser that does not read for a while loses nothing and harms nobody."""

import asyncio
import json

import grpc
from websockets.asyncio.client import connect

from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, event_pb2
from tests.edge.rig import EdgeRig

COUNT = 140  # more than the socket takes, less than what one channel may keep for resuming
CONTENT = "x" * 50_000


async def test_a_browser_that_fell_behind_catches_up_without_hole_or_duplicate(
    core: str, edge: EdgeRig
) -> None:
    async with (
        connect(f"ws://{edge.address}/ws/slow", max_queue=1) as slow,
        edge.browser("quick") as quick,
        grpc.aio.insecure_channel(core) as channel,
    ):
        await slow.recv()
        await slow.send(json.dumps({"type": "subscribe", "room": "room"}))
        while json.loads(await slow.recv())["type"] != "caught_up":
            pass
        await quick.follow("room")
        stub = channel_pb2_grpc.ChannelServiceStub(channel)
        for number in range(COUNT):
            draft = event_pb2.Draft(json=json.dumps([number, CONTENT]))
            await stub.Publish(channel_pb2.PublishRequest(channel="room", events=[draft]))
            message = await quick.find("message")
            assert isinstance(message["content"], list)
            assert message["content"][0] == number
        offsets: list[int] = []
        kinds: set[str] = set()
        async with asyncio.timeout(30):
            while len(offsets) < COUNT:
                frame = json.loads(await slow.recv())
                kinds.add(frame["type"])
                if frame["type"] == "message":
                    offsets.append(frame["content"][0])
        assert offsets == list(range(COUNT))
        assert kinds == {"message"}
        await stub.Publish(
            channel_pb2.PublishRequest(channel="room", events=[event_pb2.Draft(text="end")])
        )
        async with asyncio.timeout(5):
            assert json.loads(await slow.recv())["content"] == "end"
