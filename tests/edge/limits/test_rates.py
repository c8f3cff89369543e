"""The guide's rates, as a browser and as curl meet them."""

import asyncio
import json
from typing import cast

import httpx

from tests.edge.rig import Browser, EdgeRig, Frame

FLOOD = 60
BODY = {"channel": "r", "content": "by HTTP"}


def _ids(frames: list[Frame]) -> set[object]:
    """Return the ids of the requests that frames answer."""
    found: set[object] = set()
    for frame in frames:
        found.add(frame.get("id"))
        found.update(cast("list[str]", frame.get("ids", [])))
    return found


async def test_a_flood_on_a_websocket_is_answered_by_one_error_a_second(edge: EdgeRig) -> None:
    async with edge.browser("ada") as ada:
        begun = asyncio.get_running_loop().time()
        for number in range(FLOOD):
            await ada.say("message", room="r", content=number, id=f"m{number}")
        answered: set[object] = set()
        while len(answered) < FLOOD:
            answered |= _ids([await ada.next()])
        seconds = asyncio.get_running_loop().time() - begun
        published = [frame for frame in ada.passed if frame["type"] == "published"]
        errors = [frame for frame in ada.passed if frame["type"] == "error"]
        assert len(published) <= 20 + 10 * seconds
        assert len(published) >= 20
        assert 1 <= len(errors) <= 1 + seconds
        assert {error["code"] for error in errors} == {"rate_limited"}
        assert all(error["retryable"] for error in errors)
        first = errors[0]
        assert first["error"] == "rate_limited"
        assert first["retry_after"] == first["retry_after_seconds"]
        await asyncio.sleep(float(str(errors[-1]["retry_after_seconds"])))
        await ada.publish("r", "again")


async def test_all_tabs_and_doors_of_a_user_share_one_bucket(edge: EdgeRig) -> None:
    async with edge.browser("developer") as one, edge.browser("developer") as two:
        begun = asyncio.get_running_loop().time()
        for tab in (one, two):
            for number in range(10):
                await tab.publish("r", number)
        published, refusal = await until_refused(edge)
        seconds = asyncio.get_running_loop().time() - begun
        assert 20 + published <= 20 + 10 * seconds
        assert refusal.headers["content-type"] == "application/problem+json"
        assert refusal.headers["retry-after"] == "1"
        document = refusal.json()
        assert document["code"] == "rate_limited"
        assert 0 < document["retry_after_seconds"] <= 0.1
    async with edge.browser("bob") as bob:
        await bob.publish("r", "nobody's but mine")


async def until_refused(edge: EdgeRig) -> tuple[int, httpx.Response]:
    """Publish by HTTP until that is refused; return how often it was not, and the refusal."""
    published = 0
    async with edge.http() as http:
        while True:
            asked = (http.post("/v1/publish", json=BODY) for _ in range(10))  # faster than 10/s
            answers = await asyncio.gather(*asked)
            refused = [answer for answer in answers if answer.status_code == 429]
            published += len(answers) - len(refused)
            if refused:
                return published, refused[0]


async def test_commands_have_a_bucket_of_their_own(edge: EdgeRig) -> None:
    async with edge.browser("eve") as eve:
        await flood(eve, "message", room="r", content=1)
        await eve.say("history", room="r", id="h")
        await eve.find("history", id="h")
        await flood(eve, "history", room="r", limit=1)


async def flood(browser: Browser, kind: str, **fields: object) -> None:
    """Say something 500 times a second, until that is refused."""
    refused = asyncio.create_task(browser.find("error", code="rate_limited"))
    while not refused.done():
        for _ in range(25):
            await browser.say(kind, **fields)
        await asyncio.wait([refused], timeout=0.05)
    await refused


async def test_who_goes_on_regardless_is_closed_with_4429(edge: EdgeRig) -> None:
    async with edge.browser("mallory") as mallory:
        for number in range(1500):
            await mallory.say("message", room="r", content=number, id=f"m{number}")
        closing = await mallory.find("closing")
        assert closing["code"] == "rate_limited"
        assert json.dumps(closing["retry_after_seconds"])
        await mallory.socket.wait_closed()
        assert mallory.socket.close_code == 4429


async def test_a_flood_of_prompts_is_answered_by_one_error_a_second(edge: EdgeRig) -> None:
    async with edge.browser("", "/v1/chat/ws") as chat:
        begun = asyncio.get_running_loop().time()
        for number in range(FLOOD):
            await chat.say(prompt="hi", agent="NOBODY", id=f"p{number}")
        answered: set[object] = set()
        while len(answered) < FLOOD:
            answered |= _ids([await chat.next()])
        seconds = asyncio.get_running_loop().time() - begun
        limited = [frame for frame in chat.passed if frame.get("code") == "rate_limited"]
        assert 1 <= len(limited) <= 1 + seconds
        for number in range(1500):
            await chat.say(prompt="hi", agent="NOBODY", id=f"q{number}")
        assert (await chat.find("closing"))["code"] == "rate_limited"
        await chat.socket.wait_closed()
        assert chat.socket.close_code == 4429
