"""The outbox: all that is queued is one frame, and it has bounds."""

import asyncio

import pytest

from blackroad.edge.errors import Refusal
from blackroad.edge.trunk import outbox
from blackroad.edge.trunk.outbox import MAX_FRAME_BYTES, Outbox
from blackroad.realtime.v1 import gateway_pb2


def frame(name: str, size: int = 0) -> gateway_pb2.TrunkRequest:
    made = gateway_pb2.TrunkRequest(request_id=name)
    made.ping.payload = b"x" * size
    return made


async def written(box: Outbox, frames: int) -> list[gateway_pb2.TrunkRequest]:
    """Return the frames as they are written, each with as many as came together."""
    found: list[gateway_pb2.TrunkRequest] = []
    done = asyncio.Event()

    async def write(data: bytes) -> None:
        assert len(data) <= MAX_FRAME_BYTES + 1024
        found.append(gateway_pb2.TrunkRequest.FromString(data))
        if sum(len(one.batch.frames) or 1 for one in found) == frames:
            done.set()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(box.run(write))
        await done.wait()
        running.cancel()
    return found


async def test_one_frame_goes_alone_and_several_go_as_a_batch() -> None:
    box = Outbox()
    box.put(frame("1"))
    assert [one.request_id for one in await written(box, 1)] == ["1"]
    for name in "234":
        box.put(frame(name))
    (batch,) = await written(box, 3)
    assert [one.request_id for one in batch.batch.frames] == ["2", "3", "4"]


async def test_a_batch_has_at_most_one_mebibyte() -> None:
    box = Outbox()
    for name in range(5):
        box.put(frame(str(name), 400_000))
    sizes = [len(one.batch.frames) or 1 for one in await written(box, 5)]
    assert sizes == [2, 2, 1]


async def test_a_full_outbox_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_QUEUED_BYTES", 100)
    box = Outbox()
    box.put(frame("1", 60))
    with pytest.raises(Refusal) as refused:
        box.put(frame("2", 60))
    assert refused.value.code == "unavailable"
