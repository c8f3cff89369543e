"""SIGTERM ends WebSockets and SSE streams at once and cleanly, and every client knows why."""

import asyncio
from contextlib import AsyncExitStack

from tests.conformance.doors import Session
from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.processes import alive, children_of, up

AT_ONCE_SECONDS = 5.0


async def test_every_client_is_told_and_no_process_is_left(room: str) -> None:
    with up() as installation:
        children = children_of(installation.process.pid)
        assert len(children) == 3
        async with AsyncExitStack() as stack:
            websockets = [
                await stack.enter_async_context(
                    WebSocketDoor(installation.http).session(f"browser-{number}")
                )
                for number in range(5)
            ]
            sessions: list[Session] = [
                *websockets,
                await stack.enter_async_context(SseDoor(installation.http).session("curl")),
                await stack.enter_async_context(GrpcDoor(installation.grpc).session()),
            ]
            for session in sessions:
                await session.subscribe(room)
            began = asyncio.get_running_loop().time()
            ending = asyncio.create_task(asyncio.to_thread(installation.process.terminate, 30))
            for session in sessions:
                assert (await session.inbox.closed()).code == "draining"
            assert {session.close_code for session in websockets} == {1012}
            assert asyncio.get_running_loop().time() - began < AT_ONCE_SECONDS
            assert await ending == 0
        assert not [pid for pid in children if alive(pid)]
        assert "Traceback" not in installation.process.output
