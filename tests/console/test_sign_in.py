"""Who the console lets in, by what, and where what was shown is kept."""

import asyncio
import shlex

import pytest
from playwright.async_api import Browser, expect

from tests.console.conftest import House
from tests.console.tab import VIEWS, Tab, tab
from tests.journeys import keys
from tests.journeys.keys import token
from tests.processes import ROOT, blackroad

pytestmark = [
    pytest.mark.usefixtures("one_loop"),
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]
EVERYTHING = (">", "system.>", "presence.>", "stream.>")


async def link(house: House, shown: str) -> str:
    """Return what `blackroad console` prints."""
    run = await asyncio.to_thread(
        blackroad,
        "console",
        "--at",
        f"http://{house.http}",
        URL=house.url,
        TOKEN=shown,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


async def sign_in(shown: Tab, token: str) -> None:
    await shown.go()
    await shown.field("Token").fill(token)
    await shown.button("Sign in").click()


async def test_the_printed_link_lets_one_browser_in(chromium: Browser, house: House) -> None:
    address = await link(house, token("ann", *EVERYTHING))
    ticket = address.partition("#ticket=")[2]
    assert ticket
    async with tab(chromium, house.http) as shown, tab(chromium, house.http) as second:
        await shown.page.goto(address)
        await shown.connected()
        await expect(shown.page.locator(".id")).to_have_text("ann")
        assert ticket not in shown.page.url
        assert not [url for url in shown.urls if ticket in url], "no server was sent it in a URL"
        await shown.page.reload()
        await shown.connected()
        assert shown.problems == []
        await second.page.goto(address)
        await expect(second.page.get_by_role("alert")).to_contain_text("used already")
        await second.page.goto(await link(house, token("bea", *EVERYTHING)))
        await second.connected()
        await expect(second.page.locator(".id")).to_have_text("bea")
        assert "ticket" not in second.page.url


async def test_a_token_lets_in_until_one_signs_out(chromium: Browser, house: House) -> None:
    async with tab(chromium, house.http) as shown:
        await sign_in(shown, token("bob", *EVERYTHING))
        await shown.connected()
        assert shown.problems == []
        await shown.page.goto(f"http://{house.http}/#/nodes")
        await expect(shown.page.locator(".card").first).to_contain_text("Log engine")
        kept: str = await shown.page.evaluate("JSON.stringify([sessionStorage, localStorage])")
        assert "pass_" in kept
        assert kept.count("eyJ") == 2, "what is kept is the core's own, not what was typed"
        cookies = await shown.page.context.cookies()
        assert cookies == []
        await shown.button("Sign out").click()
        await expect(shown.field("Token")).to_be_visible()
        assert await shown.page.evaluate("sessionStorage.length") == 0
        await shown.page.reload()
        await expect(shown.field("Token")).to_be_visible()


async def test_another_tab_has_to_sign_in_itself(chromium: Browser, house: House) -> None:
    async with tab(chromium, house.http) as shown:
        await sign_in(shown, token("cy", *EVERYTHING))
        await shown.connected()
        second = Tab(await shown.page.context.new_page(), house.http)
        await second.go()
        await expect(second.field("Token")).to_be_visible()
        assert second.problems == []


async def test_a_wrong_token_is_told(chromium: Browser, house: House) -> None:
    async with tab(chromium, house.http) as shown:
        await sign_in(shown, token("ann", seconds=-60))
        await expect(shown.page.get_by_role("alert")).to_contain_text("That token was refused")
        await shown.field("Token").fill(token("ann"))
        await shown.button("Sign in").click()
        await shown.connected()


async def test_a_revoked_token_signs_out(chromium: Browser, house: House) -> None:
    async with tab(chromium, house.http) as shown:
        await sign_in(shown, token("eve", *EVERYTHING, jti="t-eve"))
        await shown.connected()
        run = await asyncio.to_thread(
            blackroad, "revoke", "t-eve", URL=house.url, TOKEN=token("root", *EVERYTHING)
        )
        assert run.returncode == 0, run.stderr
        await expect(shown.page.get_by_role("alert")).to_contain_text("signed out")


async def test_the_grants_that_the_page_names_are_enough(chromium: Browser, house: House) -> None:
    page = (ROOT / "docs" / "console.md").read_text()
    line = page.split("$ blackroad token ")[1].split("\neyJ")[0].replace("\\\n", " ")
    made = await asyncio.to_thread(blackroad, "token", *shlex.split(line), AUTH__SECRET=keys.SECRET)
    assert made.returncode == 0, made.stderr
    async with tab(chromium, house.http) as shown:
        await sign_in(shown, made.stdout.strip())
        await shown.connected()
        for view in VIEWS:
            await shown.page.goto(f"http://{house.http}/#/{view}")
            await expect(shown.page.locator("h1")).to_have_text(view.capitalize())
            await shown.page.wait_for_load_state("networkidle")
            await expect(shown.text("Your token does not let you")).to_have_count(0)
        await shown.page.goto(f"http://{house.http}/#/streams")
        await expect(shown.text("No answer is in progress.")).to_be_visible()
        assert shown.problems == []


async def test_what_a_token_does_not_let_see_is_said(chromium: Browser, house: House) -> None:
    async with tab(chromium, house.http) as shown:
        await sign_in(shown, token("dan", "lobby"))
        await shown.connected()
        for view, missing in (
            ("nodes", "manage on system.control"),
            ("explain", "manage on system.control"),
            ("agents", "subscribe on presence.agent.*"),
            ("tap", "subscribe on >"),
        ):
            await shown.page.goto(f"http://{house.http}/#/{view}")
            said = f"Your token does not let you see this: no grant allows {missing}."
            await expect(shown.text(said)).to_be_visible()
