"""A plain EventSource in Chromium: it shows a cookie, survives a killed edge and resumes."""

import asyncio
from typing import Final

import pytest
from playwright.async_api import Page, async_playwright

from blackroad.client import Client
from tests.journeys import keys
from tests.journeys.keys import token

pytestmark = [pytest.mark.usefixtures("one_loop"), pytest.mark.browser, pytest.mark.slow]

SIGN_IN: Final = """async (token) => {
  const headers = {authorization: `Bearer ${token}`, "content-type": "application/json"};
  const body = JSON.stringify({cookie: true});
  const response = await fetch("/v1/tickets", {method: "POST", headers, body});
  window.heard = []; window.errors = 0; window.connected = 0; window.gaps = 0;
  const events = new EventSource("/events/ann?channels=r");
  events.addEventListener("message", (event) => window.heard.push(JSON.parse(event.data)));
  events.addEventListener("connected", () => window.connected++);
  events.addEventListener("gap", () => window.gaps++);
  events.onerror = () => window.errors++;
  return [response.status, document.cookie];
}"""


async def until(page: Page, condition: str) -> None:
    """Wait for a condition; the page's policy allows no script that would."""
    async with asyncio.timeout(20):
        while not await page.evaluate(condition):  # noqa: ASYNC110 (it is another process)
            await asyncio.sleep(0.05)


async def test_an_event_source_with_a_cookie_resumes_at_an_edge_that_was_killed() -> None:
    with keys.core() as core, keys.edge(core) as edge:
        http = edge.addresses["http"]
        async with (
            async_playwright() as playwright,
            Client(f"grpc://{core.addresses['grpc']}", token("svc", kind="service")) as client,
        ):
            browser = await playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox"]
            )
            page = await browser.new_page()
            await page.goto(f"http://{http}/")
            status, visible = await page.evaluate(SIGN_IN, token("ann"))
            assert (status, visible) == (201, ""), "no script sees the cookie"
            await until(page, "window.connected === 1")
            for number in range(5):
                await client.publish("r", number)
            await until(page, "window.heard.length === 5")
            await asyncio.to_thread(edge.process.kill)
            await until(page, "window.errors > 0")
            for number in range(5, 10):
                await client.publish("r", number)
            with keys.edge(core, http):
                await until(page, "window.connected === 2")
                await client.publish("r", 10)
                await until(page, "window.heard.length === 11")
                assert await page.evaluate("window.heard") == list(range(11))
                assert await page.evaluate("window.gaps") == 0
                await browser.close()
