"""An edge that has as many sockets and streams as it may: who would stay goes elsewhere."""

import asyncio

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.edge.rig import running_core, running_edge

pytestmark = pytest.mark.usefixtures("one_loop")


async def test_one_too_many_is_told_to_come_later_and_the_rest_go_on() -> None:
    async with running_core() as core, running_edge(core, max_connections=2) as edge:
        async with edge.browser("ann"), edge.browser("bob") as bob:
            with pytest.raises(InvalidStatus) as refused:
                async with connect(f"ws://{edge.address}/ws/cid"):
                    pass
            assert refused.value.response.status_code == 503
            async with edge.events("/events/cid") as events:
                retry, told = await anext(events), await anext(events)
                assert float(retry.retry) > 0
                assert "unavailable" in str(told)
            async with edge.http() as http:
                assert (await http.get("/healthz")).status_code == httpx.codes.OK
            await bob.follow("room")
        async with asyncio.timeout(10):
            while len(edge.edge.context.transport):  # noqa: ASYNC110 - nobody tells us
                await asyncio.sleep(0.01)
        async with edge.browser("cid") as late:
            await late.follow("room")
