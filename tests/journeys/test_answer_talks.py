"""Answers that ask their viewers, ask other agents, and are turns of a conversation."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack

import msgspec
import pytest
from msgspec import Struct

from blackroad.client import AnswerFailed, Call, Client, Conflict, Part, Text
from blackroad.client.event import JSONValue
from tests.conformance.sse_door import SseDoor
from tests.conformance.sse_frames import checked
from tests.conformance.websocket_door import Frame, WebSocketDoor, WebSocketSession
from tests.journeys.serving import fresh, serving
from tests.processes import Installation

SCHEMA: JSONValue = {"type": "object", "properties": {"yes": {"type": "boolean"}}}


class Said(Struct):
    """A message of a conversation."""

    content: str


class Read(Struct):
    """A conversation as it is read."""

    messages: list[Said]
    stream_id: str = ""


class Kept(Struct):
    """A conversation as it is listed."""

    conversation: str


class Listed(Struct):
    """A page of conversations."""

    items: list[Kept]


class Asking:
    """Asks two questions at once when it may, and says what was answered."""

    def __init__(self) -> None:
        self.may_ask = asyncio.Event()

    async def __call__(self, call: Call) -> AsyncGenerator[str]:
        yield "well: "
        await self.may_ask.wait()
        asked = [call.ask("sure?", SCHEMA), call.ask("and now?")]
        for given in await asyncio.gather(*asked):
            yield str(given)


async def question(session: WebSocketSession, prompt: str) -> Frame:
    """Return the frame that asks."""
    async with asyncio.timeout(10):
        while True:
            for frame in session.frames:
                if frame.status == "input_required" and frame.prompt == prompt:
                    return frame
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("first", ["websocket", "http", "grpc"])
async def test_a_question_is_answered_at_any_door_and_the_answer_goes_on(
    installation: Installation, first: str
) -> None:
    name, asking = fresh("ASKING"), Asking()
    order = [first, *({"websocket", "http", "grpc"} - {first})]
    async with (
        serving(installation.grpc, name, asking),
        WebSocketDoor(installation.http).session("viewer") as browser,
        SseDoor(installation.http).session("curl") as curl,
        Client(f"grpc://{installation.grpc}") as client,
    ):
        answer = client.invoke(name, "?")
        stream_id = await answer.started()
        view = await browser.join(stream_id)
        await view.until("snapshot")
        asking.may_ask.set()

        async def reply(door: str, content: JSONValue) -> None:
            match door:
                case "websocket":
                    await browser.ask(Frame, type="input", stream_id=stream_id, content=content)
                case "http":
                    address = f"/v1/streams/{stream_id}/input"
                    checked(await curl.http.post(address, json={"content": content}))
                case _:
                    await answer.reply(content)

        asked = await question(browser, "sure?")
        assert asked.schema == SCHEMA
        late = checked(await curl.http.get(f"/v1/streams/{stream_id}")).json()
        assert late["status"] == "waiting"
        assert late["parts"][-1]["prompt"] == "sure?"
        await reply(order[0], {"yes": True})
        await question(browser, "and now?")
        await reply(order[1], "ja")
        assert await answer.text() == "well: {'yes': True}ja"
        assert (await view.rest())[-1].status == "finished"
        with pytest.raises(Conflict):
            await answer.reply("too late")


async def test_a_question_is_ended_by_a_cancel_and_by_its_deadline(
    installation: Installation,
) -> None:
    name, asking = fresh("ASKING"), Asking()
    asking.may_ask.set()
    async with (
        serving(installation.grpc, name, asking),
        Client(f"grpc://{installation.grpc}") as client,
    ):
        answer = client.invoke(name, "?")
        parts: list[Part] = []
        async for part in answer:
            parts.append(part)
            if type(part).__name__ == "InputRequired":
                await answer.cancel()
        assert type(parts[-1]).__name__ == "Cancelled"
        with pytest.raises(AnswerFailed) as failed:
            await client.invoke(name, "?", deadline_seconds=0.5).text()
        assert failed.value.code == "deadline_exceeded"
        assert failed.value.usage is not None
        assert failed.value.usage.output_tokens == 1


async def test_those_who_wait_for_a_busy_agent_hear_their_place_and_how_it_moves(
    installation: Installation,
) -> None:
    name = fresh("BUSY")
    going = asyncio.Semaphore(0)

    async def busy(call: Call) -> AsyncGenerator[str]:
        await going.acquire()
        yield call.text

    async with (
        serving(installation.grpc, name, busy, max_concurrency=1),
        WebSocketDoor(installation.http).session("browser") as browser,
    ):
        views = [await browser.invoke(name, str(number)) for number in range(4)]
        going.release()
        await views[0].rest()
        await views[3].until("queued")  # its place of the beginning
        await views[3].until("queued")
        for _ in views[1:]:
            going.release()
        assert [(await view.rest())[-1].status for view in views[1:]] == ["finished"] * 3
        places = [
            [f.position for f in browser.frames if (f.status, f.stream_id) == ("queued", stream_id)]
            for stream_id in (view.stream_id for view in views)
        ]
        assert (places[0], places[1][:1], places[3][:2]) == ([], [1], [3, 2])


async def test_agents_ask_agents_until_one_asks_upwards(installation: Installation) -> None:
    upper, lower = fresh("UPPER"), fresh("LOWER")
    stopped = asyncio.Event()

    async def above(call: Call) -> AsyncGenerator[str]:
        async for part in call.invoke(lower, call.text):
            if isinstance(part, Text):
                yield part.text.upper()

    async def below(call: Call) -> AsyncGenerator[str]:
        if call.text == "up":
            try:
                yield await call.invoke(upper, "again").text()
            except Conflict as conflict:
                yield conflict.code
        elif call.text == "wait":
            yield f"{call.remaining_seconds is not None and call.remaining_seconds < 20} "
            try:
                await asyncio.Event().wait()
            finally:
                stopped.set()
        else:
            yield f"{len(call.ancestors)} {call.text}"

    async with (
        serving(installation.grpc, upper, above),
        serving(installation.grpc, lower, below),
        Client(f"grpc://{installation.grpc}") as client,
    ):
        assert await client.invoke(upper, "down").text() == "1 DOWN"
        assert await client.invoke(upper, "up").text() == "CONFLICT"
        answer = client.invoke(upper, "wait", deadline_seconds=20)
        async for part in answer:
            if isinstance(part, Text):
                assert part.text == "TRUE "
                await answer.cancel()
        async with asyncio.timeout(5):
            await stopped.wait()


async def test_agents_that_ask_for_their_own_kind_end_at_a_depth_of_eight(
    installation: Installation,
) -> None:
    names = [fresh(f"DEEP-{number}") for number in range(10)]

    async def deeper(call: Call) -> AsyncGenerator[str]:
        following = names[len(call.ancestors) + 1]
        try:
            yield f"{len(call.ancestors)} " + await call.invoke(following, "on").text()
        except Conflict as conflict:
            yield conflict.code

    async with AsyncExitStack() as stack:
        for name in names:
            await stack.enter_async_context(serving(installation.grpc, name, deeper))
        client = await stack.enter_async_context(Client(f"grpc://{installation.grpc}"))
        said = await client.invoke(names[0], "on").text()
    assert said == "0 1 2 3 4 5 6 7 conflict"


async def test_a_conversation_is_remembered_listed_read_and_its_owners(
    installation: Installation,
) -> None:
    async def remembering(call: Call) -> AsyncGenerator[str]:
        yield " ".join(message.text for message in call.messages)

    name = fresh("REMEMBERING")
    async with (
        serving(installation.grpc, name, remembering),
        SseDoor(installation.http).session("curl") as curl,
    ):
        for turn, expected in (("one", "one"), ("two", "one one two")):
            body = {"agent": name, "prompt": turn, "conversation": f"{name}/a b"}
            response = checked(await curl.http.post("/v1/chat/stream", json=body))
            assert f'"content":"{expected}"' in response.text
        response = checked(await curl.http.get(f"/v1/conversations/{name}%2Fa%20b"))
        read = msgspec.json.decode(response.content, type=Read)
        texts = [message.content for message in read.messages]
        assert texts == ["one", "one", "two", "one one two"]
        assert not read.stream_id
        response = checked(await curl.http.get("/v1/conversations?page_size=500"))
        listed = msgspec.json.decode(response.content, type=Listed)
        assert [item.conversation for item in listed.items].count(f"{name}/a b") == 1
