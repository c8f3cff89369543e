"""The limits of an address, switched on for loopback: whoever it says it is, it does not pass."""

import asyncio
import json
from contextlib import AbstractAsyncContextManager

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from blackroad.edge.limits.addresses import Addresses
from tests.edge.rig import EdgeRig, running_core, running_edge

pytestmark = pytest.mark.usefixtures("one_loop")

ROTATING = 10_000
AT_ONCE = 200
PER_SECOND = 0.01
HANDSHAKE = (
    "GET /ws/client-{} HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n"
    "connection: upgrade\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


async def knock(rig: EdgeRig, number: int) -> tuple[bytes, asyncio.StreamWriter | None]:
    """Come as another client; return the status, and the connection where it was let in."""
    host, _, port = rig.address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(HANDSHAKE.format(number).encode())
    async with asyncio.timeout(30):
        head = await reader.readuntil(b"\r\n\r\n")
    status = head[9:12]
    if status == b"101":
        return status, writer
    writer.transport.abort()
    return status, None


def stingy(core: str) -> AbstractAsyncContextManager[EdgeRig]:
    """Run an edge that lets so few in that a slow test finds none of them free again."""
    return running_edge(core, limit_loopback=True, new_connections_per_second=PER_SECOND)


async def use_up(rig: EdgeRig) -> None:
    """Come so often that nobody else may come now."""
    for _, writer in await asyncio.gather(*(knock(rig, number) for number in range(30))):
        if writer is not None:
            writer.close()
            await writer.wait_closed()


def addresses(rig: EdgeRig) -> Addresses:
    return rig.edge.context.addresses


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_ten_thousand_rotating_ids_do_not_pass() -> None:
    async with running_core() as core, running_edge(core, limit_loopback=True) as rig:
        await rig.edge.context.trunk.link()
        begun = asyncio.get_running_loop().time()
        let_in: list[asyncio.StreamWriter] = []
        refused = 0
        for start in range(0, ROTATING, AT_ONCE):
            batch = [knock(rig, start + number) for number in range(AT_ONCE)]
            for status, writer in await asyncio.gather(*batch):
                refused += status == b"429"
                if writer is not None:
                    let_in.append(writer)
            assert len(rig.edge.context.transport) <= 100
        seconds = asyncio.get_running_loop().time() - begun
        assert refused + len(let_in) == ROTATING
        # Who does not answer pings is let go after 33 s, and then another may come.
        assert len(let_in) <= 10 + 10 * seconds
        assert len(addresses(rig)) == 1
        for writer in let_in:
            writer.close()
        async with asyncio.timeout(30):
            while len(addresses(rig)):  # noqa: ASYNC110 - swept every ten seconds
                await asyncio.sleep(0.1)


async def test_one_too_many_is_a_problem_with_the_time_to_wait() -> None:
    async with running_core() as core, stingy(core) as rig:
        await rig.edge.context.trunk.link()
        await use_up(rig)
        with pytest.raises(InvalidStatus) as raised:
            async with connect(f"ws://{rig.address}/ws/one-more"):
                pass
        response = raised.value.response
        assert response.status_code == 429
        assert response.headers["content-type"] == "application/problem+json"
        assert 1 <= int(response.headers["retry-after"]) <= 1 / PER_SECOND
        assert json.loads(response.body or b"")["code"] == "rate_limited"


async def test_an_event_stream_is_refused_in_its_own_words() -> None:
    async with running_core() as core, stingy(core) as rig:
        await rig.edge.context.trunk.link()
        await use_up(rig)
        async with rig.http() as http:
            refused = await http.get("/events/ada")
        assert refused.status_code == 200
        assert "event: closing" in refused.text
        assert "rate_limited" in refused.text


async def test_more_than_a_hundred_that_say_nothing_are_refused() -> None:
    async with running_core() as core, running_edge(core, limit_loopback=True) as rig:
        host, _, port = rig.address.rpartition(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(100)]
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(5):
            assert (await reader.read()).startswith(b"HTTP/1.1 429 ")
        for _, one in [*silent, (reader, writer)]:
            one.transport.abort()


async def test_without_the_setting_loopback_has_no_limits() -> None:
    async with running_core() as core, running_edge(core) as rig:
        await rig.edge.context.trunk.link()
        for number in range(30):
            async with connect(f"ws://{rig.address}/ws/c{number}"):
                pass
