"""What a fleet notices: an engine that is away, a token that was revoked, connections that grow."""

import asyncio
import signal
import time
from collections.abc import Generator
from contextlib import AsyncExitStack
from functools import partial

import httpx
import pytest
from grpc_health.v1 import health_pb2

from blackroad.core.log.redis.embedded import server_binary
from blackroad.realtime.v1 import access_pb2, access_pb2_grpc
from tests.conformance.grpc_door import GrpcDoor, dialled
from tests.conformance.websocket_door import WebSocketDoor
from tests.core.access.world import SECRET, token
from tests.journeys.fleets import fleet, until
from tests.journeys.serving import fresh
from tests.processes import part
from tests.servers import Server

pytestmark = [pytest.mark.usefixtures("one_loop"), pytest.mark.timeout(240)]
SERVING = health_pb2.HealthCheckResponse.SERVING


@pytest.fixture
def server() -> Generator[Server]:
    """Return a server that the test may stop."""
    server = Server(server_binary())
    yield server
    server.end()


async def is_healthy(grpc: str, probes: str, wanted: bool) -> bool:
    """Tell whether both of a core's signs say so."""
    async with dialled(grpc) as channel, httpx.AsyncClient() as http:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        said = await check(health_pb2.HealthCheckRequest())
        ready = await http.get(f"http://{probes}/readyz")
    return (said.status == SERVING) is wanted and (ready.status_code == 200) is wanted


@pytest.mark.slow
async def test_an_engine_that_is_lost_shows_in_health_and_readiness_and_its_return_in_an_alert(
    server: Server,
) -> None:
    log = f"redis://127.0.0.1:{server.port}"
    with part("core", GRPC="127.0.0.1:0", METRICS="127.0.0.1:0", LOG=log) as core:
        grpc, probes = core.addresses["grpc"], core.addresses["metrics"]
        async with GrpcDoor(grpc).session() as watcher:
            await watcher.subscribe("alerts")
            await until(partial(is_healthy, grpc, probes, wanted=True))
            server.process.send_signal(signal.SIGSTOP)
            seconds = await until(partial(is_healthy, grpc, probes, wanted=False), 60)
            server.process.send_signal(signal.SIGCONT)
            await until(partial(is_healthy, grpc, probes, wanted=True), 60)
            async with asyncio.timeout(60):
                alert = await watcher.inbox.of_type("alert")
            assert "was away for" in str(alert.field("message"))
            print(f"noticed after {seconds:.1f} s")


@pytest.mark.slow
async def test_a_revoked_token_is_out_at_every_core_within_a_second() -> None:
    with fleet(AUTH__SECRET=SECRET) as cores:
        admin = token("admin", {"system.>": ("manage",)})
        times: list[float] = []
        for _ in range(3):
            jti = fresh("t")
            shown = token("ann", {"room.>": ("subscribe",)}, jti=jti)
            async with AsyncExitStack() as stack:
                sessions = [
                    await stack.enter_async_context(GrpcDoor(core).session(token=shown))
                    for core in cores
                ]
                for session in sessions:
                    await session.subscribe("room.one")
                async with dialled(cores[0]) as channel:
                    began = time.monotonic()
                    await access_pb2_grpc.AccessServiceStub(channel).Revoke(
                        access_pb2.RevokeRequest(jti=jti),
                        metadata=(("authorization", f"Bearer {admin}"),),
                    )
                    for session in sessions:
                        assert (await session.inbox.closed()).code == "unauthenticated"
                    times.append(time.monotonic() - began)
        print(f"out after {', '.join(f'{each * 1000:.0f}' for each in times)} ms")
        assert min(times) < 1


def connections(server: Server) -> int:
    """Count the server's clients that are ours, by their name."""
    return server.ask("CLIENT", "LIST").count("name=blackroad")


@pytest.mark.slow
async def test_connections_to_the_server_grow_with_cores_alone(server: Server) -> None:
    log = f"redis://127.0.0.1:{server.port}"
    with (
        part("core", GRPC="127.0.0.1:0", LOG=log) as core,
        part("edge", HTTP="127.0.0.1:0", CORE=core.addresses["grpc"]) as edge,
    ):
        before = connections(server)
        async with AsyncExitStack() as stack:
            for number in range(200):
                door = WebSocketDoor(edge.addresses["http"])
                session = await stack.enter_async_context(door.session(fresh("user")))
                await session.subscribe(f"room.{number}")
                await session.publish(f"room.{number}", "hi")
            during = connections(server)
        with part("core", GRPC="127.0.0.1:0", LOG=log):
            two = connections(server)
    print(f"{before} connections, with 200 rooms and sessions {during}, with two cores {two}")
    assert 0 < during <= before
    assert two <= 2 * before
