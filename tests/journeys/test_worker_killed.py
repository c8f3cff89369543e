"""A worker that is killed is replaced before its first output, and lost after it."""

import asyncio
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conformance.doors import ENDINGS, Session
from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.records import Refused, text_of
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.processes import Installation, Process, running

pytestmark = pytest.mark.slow

WORKER = Path(__file__).parent / "worker.py"


@contextmanager
def worker(name: str, installation: Installation, mode: str) -> Generator[Process]:
    arguments = [sys.executable, str(WORKER), name, installation.grpc, mode]
    with running(arguments, {}) as process:
        process.wait_for(r"(registered)")
        yield process


async def test_a_worker_killed_before_its_first_output_is_replaced(
    installation: Installation,
) -> None:
    name = f"WORKER-{uuid4().hex[:8]}"
    async with WebSocketDoor(installation.http).session("browser") as browser:
        with worker(name, installation, "silent") as first:
            view = await browser.invoke(name, "hello")
            await asyncio.to_thread(first.wait_for, r"(began attempt 1)")
            with worker(name, installation, "whole") as second:
                first.kill()
                updates = await view.rest()
                await asyncio.to_thread(second.wait_for, r"(began attempt 2)")
    assert text_of(updates) == "half and half"
    assert [update.status for update in updates].count("started") == 2
    assert updates[-1].status == "finished"


async def test_a_worker_killed_after_its_first_output_is_lost_for_every_viewer(
    installation: Installation,
) -> None:
    name = f"WORKER-{uuid4().hex[:8]}"
    async with (
        WebSocketDoor(installation.http).session("browser") as browser,
        GrpcDoor(installation.grpc).session() as follower,
        SseDoor(installation.http).session("curl") as curl,
    ):
        with worker(name, installation, "half") as first:
            view = await browser.invoke(name, "hello")
            begun = await view.until("streaming")
            views = [view, *[await one.join(view.stream_id) for one in (follower, curl)]]
            for joined in views[1:]:
                assert (await joined.update()).text == "half "
            with worker(name, installation, "whole"):
                first.kill()
                endings = [await joined.rest() for joined in views]
        sessions: tuple[Session, ...] = (browser, follower, curl)
        for session, joined in zip(sessions, views, strict=True):
            await session.publish("journeys.after", "a way there and back")
            assert joined.updates.empty()
    assert text_of(begun) == "half "
    for updates in endings:
        assert [update.status for update in updates if update.status in ENDINGS] == ["failed"]
        assert updates[-1].code == "agent_lost"


async def test_a_worker_killed_while_idle_is_gone_after_the_grace(
    installation: Installation,
) -> None:
    name = f"WORKER-{uuid4().hex[:8]}"
    async with SseDoor(installation.http).session("observer") as observer:
        await observer.subscribe(f"presence.agent.{name}")
        with worker(name, installation, "whole") as process:
            event = await observer.inbox.event()
            assert (event.type, event.field("status")) == ("agent.status", "online")
            process.kill()
            assert (await observer.inbox.event()).field("status") == "offline"
            with pytest.raises(Refused) as refused:
                await observer.invoke(name, "is anybody there")
            assert (refused.value.code, refused.value.retryable) == ("no_agent", True)
