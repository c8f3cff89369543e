"""The console for everybody: screen readers, keyboards, phones, light and dark."""

from typing import Final

import pytest
from playwright.async_api import Browser, expect

from tests.console.conftest import House
from tests.console.tab import AXE, VIEWS, Tab, tab
from tests.processes import Installation

pytestmark = [
    pytest.mark.usefixtures("one_loop"),
    pytest.mark.browser,
    pytest.mark.node,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]
PLANT: Final = """() => {
  const image = document.createElement("img");
  image.src = "http://127.0.0.1:9/x.png";
  document.querySelector("main").append(image);
}"""
WIDER: Final = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="session", autouse=True)
def axe() -> None:
    """Skip where npm has not brought axe."""
    if not AXE.exists():
        pytest.skip("needs `make clients/console/node_modules/.installed`")


async def ask(shown: Tab) -> None:
    """Have an answer on the page, with the field in use."""
    await shown.field("Message to ECHO").fill("all is `well`")
    await shown.page.keyboard.press("Enter")
    await expect(shown.page.locator(".foot")).to_be_visible()


async def fill(shown: Tab, view: str) -> None:
    """Open a view, and wait until there is something in it."""
    await shown.go(*(("chat", "ECHO") if view == "chat" else (view,)))
    await shown.connected()
    if view == "chat":
        await ask(shown)
    elif view == "tap":
        await shown.go("tap", "lobby")
        await shown.field("Content, text or JSON").fill("hello")
        await shown.button("Publish").click()
        await shown.page.locator(".events summary").first.click()
    elif view == "streams":
        await expect(shown.page.locator("tbody tr").first).to_be_visible()
        await shown.page.locator("tbody a").first.click()
        await expect(shown.page.locator(".watched .foot")).to_be_visible()
    elif view == "explain":
        await shown.page.locator("tbody a").first.click()
        await shown.field("Channel").fill("lobby")
        await shown.button("Explain").click()
        await expect(shown.page.get_by_label("Explanation")).to_be_visible()
    elif view == "nodes":
        await expect(shown.page.locator(".legend td.number").first).to_contain_text("ms")
    else:
        await expect(shown.page.locator(".card, tbody tr").first).to_be_visible()


@pytest.mark.parametrize(
    ("dark", "phone"),
    [(False, False), (True, False), (False, True)],
    ids=["light", "dark", "phone"],
)
async def test_axe_finds_nothing_in_any_view(
    chromium: Browser, installation: Installation, dark: bool, phone: bool
) -> None:
    async with tab(chromium, installation.http, dark=dark, phone=phone) as shown:
        for view in ("chat", *(each for each in VIEWS if each != "chat")):
            await fill(shown, view)
            assert await shown.violations() == [], view
            assert await shown.page.evaluate(WIDER) <= 0, f"{view} is wider than the page"
        assert shown.problems == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_axe_finds_nothing_at_the_door(chromium: Browser, house: House, dark: bool) -> None:
    async with tab(chromium, house.http, dark=dark, phone=dark) as shown:
        await shown.go()
        await shown.field("Token").fill("wrong")
        assert shown.problems == []
        await shown.button("Sign in").click()
        await expect(shown.page.get_by_role("alert")).to_be_visible()
        assert await shown.violations() == []


async def test_axe_and_the_policy_are_awake(chromium: Browser, house: House) -> None:
    """What finds nothing must be able to find something."""
    async with tab(chromium, house.http) as shown:
        await shown.go()
        await shown.page.evaluate(PLANT)
        assert [each.partition(":")[0] for each in await shown.violations()] == ["image-alt"]
        assert [each for each in shown.problems if "Content Security Policy" in each]


async def test_everything_is_reached_by_keyboard(
    chromium: Browser, installation: Installation
) -> None:
    async with tab(chromium, installation.http) as shown:
        await shown.go("agents")
        await expect(shown.page.get_by_label("Chat with ALICE")).to_be_visible()
        keyboard, focused = shown.page.keyboard, shown.page.locator(":focus")
        await keyboard.press("Tab")
        await expect(focused).to_have_text("To the content")
        await keyboard.press("Enter")
        await expect(shown.page.locator("main")).to_be_focused()
        await keyboard.press("Tab")
        await expect(focused).to_have_attribute("aria-label", "Chat with ALICE")
        for name in ("Use dark colours", "Explain", "Nodes", "Streams", "Chat"):
            await keyboard.press("Shift+Tab")
            await expect(focused).to_have_accessible_name(name)
        await keyboard.press("Enter")
        await expect(shown.page.locator("h1")).to_be_focused()
        await expect(shown.page.locator("h1")).to_have_text("Chat")
        await shown.go("chat", "ECHO")
        await shown.field("Message to ECHO").focus()
        await keyboard.type("two words")
        await keyboard.press("Enter")
        await expect(shown.page.locator(".turn .text")).to_have_text("two words")
        assert shown.problems == []


async def test_colours_follow_the_system_until_one_chooses(
    chromium: Browser, installation: Installation
) -> None:
    async with tab(chromium, installation.http, dark=True) as shown:
        await shown.go("agents")
        theme = shown.page.locator("html")
        await expect(theme).to_have_attribute("data-theme", "dark")
        await shown.button("Use light colours").click()
        await expect(theme).to_have_attribute("data-theme", "light")
        await shown.page.reload()
        await expect(theme).to_have_attribute("data-theme", "light")
