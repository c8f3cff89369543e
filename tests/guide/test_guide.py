"""What REALTIME.md names, at the real doors: each of these fails on the guide's own sketch."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import cast

import pytest

from blackroad.client import Agent, Call, Event, Yielded
from tests.edge.rig import SECONDS, Block, Browser, Frame, an_object, next_event
from tests.guide.conftest import House


async def test_g020_a_second_stream_of_one_client_outlives_the_first(house: House) -> None:
    path = "/events/g020?channels=g020"
    async with house.events(path) as second, house.http() as http:
        async with house.events(path):
            pass  # it is open, and then gone
        await count_of_sessions(house, "g020", 1)
        sent = await http.post("/v1/publish", json={"channel": "g020", "content": 1})
        assert sent.status_code == 200
        assert (await next_event(second, "message")).data == 1


async def count_of_sessions(house: House, client_id: str, count: int) -> None:
    """Return when so many sessions of a client are left."""
    async with house.http() as http, asyncio.timeout(SECONDS):
        while True:
            items = (await http.get("/v1/sessions?page_size=500")).json()["items"]
            if sum(each["client_id"] == client_id for each in items) == count:
                return


async def test_g021_a_broadcast_reaches_every_door_once(house: House) -> None:
    async with (
        house.client() as client,
        client.subscribe("broadcast") as followed,
        house.browser("g021") as browser,
        house.events("/events/g021?full=true") as events,
        house.http() as http,
    ):
        await browser.follow("broadcast")
        answer = await http.post("/broadcast?event=notice", json={"n": 1})
        event_id = answer.json()["event_id"]
        assert answer.json()["status"] == "sent"
        assert (await browser.find("notice"))["event_id"] == event_id
        assert (await next_event(events, "notice")).fields["event_id"] == event_id
        received = await anext(aiter(followed))
        assert isinstance(received, Event)
        assert (received.event_id, received.content) == (event_id, {"n": 1})


async def test_g021_no_event_name_forges_a_block(house: House) -> None:
    async with house.http() as http:
        answer = await http.post("/broadcast", params={"event": "a\ndata: {}\n\n"}, json={})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_name")


async def test_g023_a_stop_is_heard_while_an_answer_streams(house: House) -> None:
    async with house.chat() as chat:
        await chat.say(prompt="word " * 400, agent="ECHO", id="long")
        await chat.find("chunk", id="long")
        await chat.say("cancel", id="long")
        assert (await chat.find("done", id="long"))["finish_reason"] == "cancelled"
        await chat.say(prompt="again", agent="ECHO", id="next")
        assert (await chat.find("done", id="next"))["finish_reason"] == "stop"


async def test_g041_an_agents_status_comes_by_sse(house: House) -> None:
    async with house.events("/events/g041?channels=agents") as events:
        async with house.serving(greeter("G041")):
            assert (await status_of("G041", events))["status"] == "online"
        assert (await status_of("G041", events))["status"] == "offline"


async def status_of(agent: str, events: AsyncIterator[Block]) -> dict[str, object]:
    """Return the next `agent.status` of an agent."""
    while True:
        status = (await next_event(events, "agent.status")).fields
        if status["entity_id"] == agent:
            return status


def greeter(name: str, seen: asyncio.Event | None = None) -> Agent:
    """Return an agent that says half of its progress, waits until it was seen, and says hello."""
    agent = Agent(name, max_concurrency=4)

    @agent.answer
    async def answer(call: Call) -> AsyncIterator[Yielded]:
        await call.progress(50, "half")
        if seen is not None:
            await seen.wait()
        yield "hello"

    return agent


async def test_g042_g043_a_tasks_progress_and_end_come_by_sse(house: House) -> None:
    seen = asyncio.Event()
    async with (
        house.events("/events/g042?channels=tasks") as events,
        house.serving(greeter("G042", seen)),
        house.client() as client,
        asyncio.TaskGroup() as tasks,
    ):
        asked = tasks.create_task(client.invoke("G042", "hi").text())
        started = await next_event(events, "task.started")
        progress = await next_event(events, "task.progress")
        seen.set()
        completed = await next_event(events, "task.completed")
        assert progress.fields["progress"] == 50
        assert completed.fields["reason"] == "stop"
        assert len({each.fields["stream_id"] for each in (started, progress, completed)}) == 1
        assert await asked == "hello"


async def test_g044_alerts_come_by_sse_and_only_services_raise_them(house: House) -> None:
    async with (
        house.events("/events/g044") as events,
        house.client() as service,
        house.browser("g044") as user,
    ):
        await user.say("publish", room="alerts", event="alert", content={"n": 0}, id="1")
        assert (await user.find("error", id="1"))["code"] == "forbidden"
        await service.publish("alerts", {"severity": "info"}, type="alert")
        assert (await next_event(events, "alert")).data == {"severity": "info"}


async def test_g046_the_chat_stream_is_not_buffered_either(house: House) -> None:
    async with (
        house.http() as http,
        http.stream("POST", "/v1/chat/stream", json={"prompt": "a", "agent": "ECHO"}) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "no-transform" in answer.headers["cache-control"]
        assert answer.headers["x-accel-buffering"] == "no"


async def test_g047_a_prompt_alone_is_answered_by_the_default_model(house: House) -> None:
    async with (
        house.http() as http,
        http.stream("POST", "/v1/chat/stream", json={"prompt": "one two"}) as answer,
    ):
        lines = [line async for line in answer.aiter_lines() if line.startswith("data: ")]
        assert answer.status_code == 200
        last = json.loads(lines[-1].removeprefix("data: "))
        assert (last["done"], last["finish_reason"]) == (True, "stop")
        assert last["usage"] == {"input_tokens": 2, "output_tokens": 2}
    async with house.chat() as chat:
        await chat.say(prompt="one two", id="1")
        done = await chat.find("done", id="1")
        assert (done["finish_reason"], done["usage"]) == ("stop", last["usage"])
        assert said(chat) == "one two"


def said(chat: Browser) -> str:
    """Return the text of all chunks so far."""
    return "".join(str(each["content"]) for each in chat.passed if each["type"] == "chunk")


@pytest.mark.parametrize("room", ["task.[ab]*", "task.a?c", "task.ab*", "task.*b.>"])
async def test_g051_characters_of_globs_are_no_wildcards(house: House, room: str) -> None:
    async with house.browser("g051") as browser:
        await browser.say("subscribe", room=room, id="1")
        assert (await browser.find("error", id="1"))["code"] == "invalid_name"


async def test_g054_colons_in_a_rooms_name_stay(house: House) -> None:
    name = "room:chatroom:1"
    async with house.browser("g054") as browser:
        for room in (name, "chat1", "chatroom:1"):
            await browser.follow(room)
        await browser.publish(name, "hi")
        await browser.publish("chat1", "end")
        found = [(await browser.find("message"))["room"] for _ in range(2)]
        assert found == [name, "chat1"]


async def test_g056_no_other_spelling_opens_a_private_channel(house: House) -> None:
    eve = house.token("eve", (">", "subscribe publish"))
    async with house.http() as http, house.browser("eve", eve) as browser:
        made = await http.post("/v1/channels", json={"name": "g056.x", "access": "private"})
        assert made.status_code == 201
        await browser.say("subscribe", room="g056.x", id="1")
        assert (await browser.find("error", id="1"))["code"] in {"not_member", "not_found"}
        for room in ("channel:g056.x", "g056.*", "g056.>", ">"):
            await browser.follow(room)
        for room in ("g056.x", "g056.end"):
            body = {"channel": room, "content": room}
            assert (await http.post("/v1/publish", json=body)).status_code == 200
        assert (await browser.find("message"))["room"] == "g056.end"


async def test_g057_a_message_in_an_agents_room_is_answered_there(house: House) -> None:
    async with house.browser("ann") as ann, house.browser("bob") as bob:
        for browser in (ann, bob):
            await browser.follow("agents:ECHO")
        await ann.say("message", room="agents:ECHO", content="hello there")
        for browser in (ann, bob):
            asked = await browser.find("message", **{"from": "ann"})
            answer = await browser.find("message", **{"from": "ECHO"})
            assert (asked["content"], answer["content"]) == ("hello there", "hello there")
            assert answer["correlation_id"] == asked["event_id"]


async def test_g065_an_edge_reads_only_what_its_browsers_follow(house: House) -> None:
    async with house.browser("g065") as browser, house.client() as client:
        await browser.follow("g065.followed")
        before = await live_events(house)
        await client.publish_all("g065.other", ["x"] * 200)
        await client.publish("g065.followed", "end")
        await browser.find("message")
        assert 1 <= await live_events(house) - before < 100


async def live_events(house: House) -> float:
    """Return how many live events the edge has had."""
    async with house.http() as http:
        for line in (await http.get("/metrics")).text.splitlines():
            if line.startswith("blackroad_edge_live_events_total "):
                return float(line.split()[1])
    raise AssertionError("no such metric")


async def test_g032_g033_who_comes_and_goes_is_told_once(house: House) -> None:
    async with house.browser("g032-host") as host, house.browser("g032-guest") as guest:
        await host.follow("agents", presence=True)
        await host.find("room.joined", client_id="g032-host")
        await guest.follow("agents")
        await guest.say("unsubscribe", room="agents")
        await guest.find("unsubscribed")
        await host.find("room.left", client_id="g032-guest")
        await host.publish("agents", "end")
        about = [each["type"] for each in host.passed if each.get("client_id") == "g032-guest"]
        assert about == ["room.joined", "room.left"]


async def test_g037_an_agent_is_among_a_channels_members(house: House) -> None:
    token = house.token("G037", ("g037", "subscribe"), kind="agent")
    async with house.http() as http, house.browser("g037") as browser:
        assert (
            await http.post("/v1/channels", json={"name": "g037", "presence": True})
        ).status_code == 201
        async with house.client(token) as client, client.subscribe("g037"):
            await browser.say("subscribe", room="g037", presence=True)
            update = await browser.find("channel.presence_update")
            assert "G037" in str(update["members"])


async def test_g078_who_is_away_or_busy_is_listed_too(house: House) -> None:
    async with house.browser("g078-away") as away, house.browser("g078-busy") as busy:
        for browser, status in ((away, "away"), (busy, "busy")):
            await browser.say("presence.update", status=status, metadata={"tab": 1}, id="1")
            await browser.find("accepted", id="1")
        async with house.http() as http:
            found = (await http.get("/v1/presence?entity_type=user&page_size=500")).json()["items"]
            seen = {each["entity_id"]: each["status"] for each in found}
            assert (seen["g078-away"], seen["g078-busy"]) == ("away", "busy")
            only = (await http.get("/v1/presence?entity_type=user&status=busy")).json()["items"]
            assert [each["entity_id"] for each in only] == ["g078-busy"]


async def test_g080_a_heartbeat_keeps_status_and_capabilities(house: House) -> None:
    async with house.browser("g080") as browser:
        await browser.say("presence.update", status="busy", metadata={"can": "code"}, id="1")
        await browser.find("accepted", id="1")
        await browser.say("ping", id="2")
        await browser.find("pong", id="2")
        await browser.say("presence", entity_type="user", entity_id="g080", id="3")
        (entity,) = objects((await browser.find("presence", id="3"))["entities"])
        assert (entity["status"], entity["metadata"]) == ("busy", {"can": "code"})


def objects(value: object) -> list[Frame]:
    """Return a list of objects, which JSON has as anything."""
    assert isinstance(value, list)
    return [an_object(each) for each in cast("list[object]", value)]


async def test_g082_a_private_channel_may_have_presence(house: House) -> None:
    channel = {"name": "g082", "access": "private", "presence": True}
    guest_token = house.token("g082-guest", (">", "subscribe"))
    async with house.http() as http, house.browser("g082-host") as host:
        assert (await http.post("/v1/channels", json=channel)).status_code == 201
        assert (await http.put("/v1/channels/g082/members/g082-guest")).status_code == 200
        await host.follow("g082", presence=True)
        async with house.browser("g082-guest", guest_token) as guest:
            await guest.follow("g082")
            joined = await host.find("channel.member_joined", client_id="g082-guest")
            assert joined["member_count"] == 2
