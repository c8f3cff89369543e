"""The edge is killed and comes back under an open console."""

import asyncio

import pytest
from playwright.async_api import Browser, expect

from blackroad.client import Client
from tests.console.tab import tab
from tests.journeys import keys
from tests.journeys.keys import token

pytestmark = [
    pytest.mark.usefixtures("one_loop"),
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]
# What Chromium itself says of an address where nobody listens. All else would be a fault of ours.
AWAY = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "ERR_INCOMPLETE")


async def test_an_edge_that_is_killed_and_comes_back_loses_nothing(chromium: Browser) -> None:
    with keys.core() as core, keys.edge(core) as edge:
        http = edge.addresses["http"]
        service = token("svc", kind="service")
        async with (
            tab(chromium, http) as shown,
            Client(f"grpc://{core.addresses['grpc']}", service) as client,
        ):
            await shown.go("tap", "news")
            await shown.field("Token").fill(token("ann", ">", "presence.>", "system.>"))
            await shown.button("Sign in").click()
            await shown.connected()
            lines = shown.page.locator(".events .line")
            await client.publish("news", "before")
            await expect(lines).to_have_text(["before"])
            assert shown.problems == []
            await asyncio.to_thread(edge.process.kill)
            await shown.connected("reconnecting")
            await client.publish("news", "meanwhile")
            with keys.edge(core, http):
                await shown.connected()
                await client.publish("news", "after")
                await expect(lines).to_have_text(["after", "meanwhile", "before"])
                await expect(shown.page.locator(".note")).to_have_count(0)
                for view in ("channels", "nodes", "agents"):
                    await shown.page.goto(f"http://{http}/#/{view}")
                    await expect(shown.page.locator(".trouble")).to_have_count(0)
                await shown.page.close()
            faults = [each for each in shown.problems if not any(word in each for word in AWAY)]
            assert faults == []
