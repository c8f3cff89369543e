"""What an agent publishes over gRPC is seen once, in order, by every kind of reader."""

from blackroad.client import Client
from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.processes import Installation, command, running


async def test_every_reader_sees_each_event_once_in_order(
    installation: Installation, room: str
) -> None:
    async with (
        GrpcDoor(installation.grpc).session() as follower,
        WebSocketDoor(installation.http).session("browser") as browser,
        SseDoor(installation.http).session("curl") as curl,
        Client(f"grpc://{installation.grpc}") as agent,
    ):
        readers = (follower, browser, curl)
        for reader in readers:
            await reader.subscribe(room)
        published = [
            await agent.publish(room, {"progress": number}, "task.progress") for number in range(50)
        ]
        seen = [await reader.inbox.events(50) for reader in readers]
        last = await agent.publish(room, "the end")
        for reader in readers:
            assert (await reader.inbox.event()).event_id == last.event_id
    for events in seen:
        assert [event.event_id for event in events] == [one.event_id for one in published]
        assert [event.content for event in events] == [{"progress": n} for n in range(50)]
        assert {event.type for event in events} == {"task.progress"}


async def test_the_command_publishes_and_taps(installation: Installation, room: str) -> None:
    url = ("--url", f"grpc://{installation.grpc}")
    async with WebSocketDoor(installation.http).session("browser") as browser:
        await browser.subscribe(room)
        with running(command("publish", room, "hello", *url), {}) as publishing:
            assert publishing.wait() == 0, publishing.output
        event = await browser.inbox.event()
        assert event.content == "hello"
        with running(command("tap", room, *url, "--json"), {}) as tapping:
            # Nobody tells when a tap stands: say it until it was heard.
            while "heard" not in tapping.output:
                await browser.publish(room, "heard")
            assert tapping.popen.poll() is None


async def test_a_chat_over_http_is_the_whole_answer(installation: Installation) -> None:
    async with SseDoor(installation.http).session() as session:
        body = {"prompt": "one two three", "agent": "ECHO"}
        async with session.http.stream("POST", "/v1/chat/stream", json=body) as response:
            text = (await response.aread()).decode()
    assert '"done":true' in text
    assert '"finish_reason":"stop"' in text
