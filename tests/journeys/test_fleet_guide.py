"""What the guide names of many nodes: its variables, progress across them, no session affinity."""

import asyncio
from collections.abc import AsyncGenerator, Generator

import pytest

from blackroad.client import Call, Client
from blackroad.core.log.redis.embedded import server_binary
from blackroad.realtime.v1 import admin_pb2, admin_pb2_grpc
from tests.conformance.grpc_door import dialled
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.journeys.fleets import fleet
from tests.journeys.serving import fresh
from tests.journeys.test_fleet_answers import known
from tests.processes import part
from tests.servers import Server

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cores() -> Generator[tuple[str, str]]:
    with fleet() as addresses:
        yield addresses


async def test_g053_a_tasks_progress_at_one_core_comes_out_at_the_doors_of_another(
    cores: tuple[str, str],
) -> None:
    seen = asyncio.Event()

    async def works(call: Call) -> AsyncGenerator[str]:
        await call.progress(50, "half")
        await seen.wait()
        yield "whole"

    name = fresh("agent")
    with part("edge", HTTP="127.0.0.1:0", CORE=cores[0]) as edge:
        http = edge.addresses["http"]
        async with (
            known(cores[1], cores, name, works),
            WebSocketDoor(http).session("ws") as browser,
            SseDoor(http).session("sse") as curl,
            Client(f"grpc://{cores[1]}") as client,
            asyncio.TaskGroup() as tasks,
        ):
            for reader in (browser, curl):
                await reader.subscribe("tasks")
            asked = tasks.create_task(client.invoke(name, "work").text())
            for reader in (browser, curl):
                assert (await reader.inbox.of_type("task.progress")).field("progress") == 50
            seen.set()
            assert await asked == "whole"
            for reader in (browser, curl):
                assert (await reader.inbox.of_type("task.completed")).field("reason") == "stop"


async def test_g107_the_guides_variables_make_a_node_of_that_name_on_that_server(
    one_loop: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    del one_loop
    server = Server(server_binary())
    try:
        monkeypatch.setenv("REDIS_URL", f"redis://127.0.0.1:{server.port}")
        monkeypatch.setenv("POD_NAME", "realtime-0")
        with part("core", GRPC="127.0.0.1:0") as core:
            async with dialled(core.addresses["grpc"]) as channel:
                admin = admin_pb2_grpc.AdminServiceStub(channel)
                nodes = (await admin.ListNodes(admin_pb2.ListNodesRequest())).nodes
        assert [(node.name, node.engine) for node in nodes] == [("realtime-0", "redis")]
    finally:
        server.end()


async def test_g109_a_client_goes_on_at_another_edge_of_another_core(
    cores: tuple[str, str], room: str
) -> None:
    with (
        part("edge", HTTP="127.0.0.1:0", CORE=cores[0]) as first,
        part("edge", HTTP="127.0.0.1:0", CORE=cores[1]) as second,
    ):
        doors = [edge.addresses["http"] for edge in (first, second)]
        for door in (WebSocketDoor, SseDoor):
            async with Client(f"grpc://{cores[0]}") as agent:
                async with door(doors[0]).session(room) as here:
                    await here.subscribe(room)
                    await agent.publish(room, "before")
                    assert (await here.inbox.said()).content == "before"
                    cursor = here.inbox.cursor
                    await here.drop()
                for number in range(10):
                    await agent.publish(room, number)
                async with door(doors[1]).session(room) as there:
                    await there.subscribe(room, cursor=cursor)
                    missed = [event.content for event in await there.inbox.caught_up()]
                    while len(missed) < 10:  # what this core has not read yet comes when it has
                        missed.append((await there.inbox.said()).content)
                    assert missed == list(range(10))
                    await agent.publish(room, "after")
                    assert (await there.inbox.said()).content == "after"
