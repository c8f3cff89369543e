"""Server-sent events: channels as one unit, resumed by Last-Event-ID, refused visibly."""

import gc

import pytest
from starlette.requests import Request
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from tests.edge.rig import EdgeRig, next_event, running_edge


async def post(edge: EdgeRig, channel: str, content: object, event: str = "message") -> None:
    async with edge.http() as http:
        body = {"channel": channel, "content": content, "event": event}
        answer = await http.post("/v1/publish", json=body)
        assert answer.status_code == 200, answer.text


async def test_connected_is_first_and_events_have_type_content_and_cursor(edge: EdgeRig) -> None:
    async with edge.events("/events/dash?channels=task.*.progress") as events:
        connected = await next_event(events)
        assert connected.event == "connected"
        assert connected.fields["client_id"] == "dash"
        assert connected.id == connected.fields["cursor"]
        await post(edge, "task.7.progress", {"progress": 50}, "task.progress")
        event = await next_event(events)
        assert (event.event, event.data) == ("task.progress", {"progress": 50})
        assert event.id


async def test_a_stream_that_stands_keeps_nothing_of_its_request(edge: EdgeRig) -> None:
    """A request with its cycle is 5 KiB, for as long as the reader stays."""
    before = requests_alive()
    async with edge.events("/events/dash?channels=x") as events:
        await next_event(events, "connected")
        assert requests_alive() == before


def requests_alive() -> int:
    gc.collect()
    return sum(type(each) in (Request, RequestResponseCycle) for each in gc.get_objects())


async def test_broadcast_and_the_clients_own_channel_are_always_followed(edge: EdgeRig) -> None:
    async with edge.events("/events/dash?channels=x") as events, edge.http() as http:
        await next_event(events, "connected")
        answer = await http.post("/broadcast?event=alert", json={"m": 1})
        assert answer.json()["status"] == "sent"
        assert answer.json()["clients"] == 1
        assert (await next_event(events)).data == {"m": 1}


async def test_last_event_id_resumes_all_channels_in_one_order(edge: EdgeRig) -> None:
    path = "/events/dash?channels=x,y,z.*&history=50"
    async with edge.events(path) as events:
        await next_event(events, "connected")
        await post(edge, "x", 1)
        cursor = (await next_event(events)).id
    for number, channel in enumerate(["y", "x", "z.1", "y"], 2):
        await post(edge, channel, number)
    async with edge.events(path, **{"Last-Event-ID": cursor}) as events:
        assert (await next_event(events)).event == "connected"
        assert [(await next_event(events)).data for _ in range(4)] == [2, 3, 4, 5]
        await post(edge, "z.2", 6)
        assert (await next_event(events)).data == 6


async def test_the_header_beats_the_cursor_and_either_beats_history(edge: EdgeRig) -> None:
    async with edge.events("/events/dash?channels=x") as events:
        await next_event(events)
        await post(edge, "x", 1)
        first = (await next_event(events)).id
        await post(edge, "x", 2)
        second = (await next_event(events)).id
    await post(edge, "x", 3)
    async with edge.events(f"/events/dash?channels=x&cursor={first}&history=9") as events:
        await next_event(events)
        assert (await next_event(events)).data == 2
    path = f"/events/dash?channels=x&cursor={first}&history=9"
    async with edge.events(path, **{"Last-Event-ID": second}) as events:
        await next_event(events)
        assert (await next_event(events)).data == 3


async def test_history_alone_gives_the_newest(edge: EdgeRig) -> None:
    for number in range(4):
        await post(edge, "x" if number % 2 else "y", number)
    async with edge.events("/events/dash?channels=x,y&history=2") as events:
        await next_event(events)
        assert [(await next_event(events)).data for _ in range(2)] == [2, 3]


async def test_history_counts_what_is_shown_and_not_what_was_deleted(edge: EdgeRig) -> None:
    for number in range(4):
        await post(edge, f"kept.{number}", number)
    async with edge.http() as http:
        await http.post("/v1/channels", json={"name": "kept.gone"})
        for _ in range(4):
            await post(edge, "kept.gone", "gone")
        assert (await http.delete("/v1/channels/kept.gone")).status_code == 204
    async with edge.events("/events/dash?channels=kept.>&history=3") as events:
        await next_event(events, "connected")
        seen = [await next_event(events) for _ in range(3)]
        assert [event.data for event in seen if event.event == "message"] == [1, 2, 3]


async def test_full_and_unnamed_show_the_whole_event(edge: EdgeRig) -> None:
    async with (
        edge.events("/events/a?channels=x&full=true") as full,
        edge.events("/events/b?channels=x&unnamed=true") as unnamed,
    ):
        await next_event(full)
        await next_event(unnamed)
        await post(edge, "x", "hi", "greeting")
        whole, nameless = await next_event(full), await next_event(unnamed)
        assert (whole.event, nameless.event) == ("greeting", "")
        assert whole.data == nameless.data
        assert (whole.fields["type"], whole.fields["content"], whole.fields["room"]) == (
            "greeting",
            "hi",
            "x",
        )


async def test_the_headers_keep_proxies_from_buffering(edge: EdgeRig) -> None:
    async with edge.http() as http, http.stream("GET", "/events/a") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-cache, no-transform"
        assert response.headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/events/a?channels=x..y", 400, "invalid_name"),
        ("/events/a?cursor=%3F%3F", 400, "invalid_cursor"),
        ("/events/a?history=301", 400, "bad_frame"),
        ("/events/" + "a" * 200, 400, "invalid_name"),
        ("/events/a?channels=" + ",".join(map(str, range(127))), 429, "too_many_subscriptions"),
    ],
)
async def test_a_final_refusal_is_a_status(
    edge: EdgeRig, path: str, status: int, code: str
) -> None:
    async with edge.http() as http:
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_refusal_that_will_pass_is_200_with_closing() -> None:
    async with (
        running_edge("127.0.0.1:1", core_wait_seconds=0.1) as rig,
        rig.events("/events/a") as events,
    ):
        block = await next_event(events)
        assert block.event == "closing"
        assert block.fields["code"] == "unavailable"


async def test_a_drain_ends_the_stream_with_closing(core: str) -> None:
    async with running_edge(core) as rig, rig.events("/events/a") as events:
        await next_event(events, "connected")
        rig.edge.drain()
        closing = await next_event(events, "closing")
        assert closing.fields["code"] == "draining"


async def test_a_strange_client_id_has_a_channel_of_its_own(edge: EdgeRig) -> None:
    async with edge.events("/events/a%20b%2Fc") as events:
        connected = await next_event(events)
        assert connected.fields["client_id"] == "a b/c"
