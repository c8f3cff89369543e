"""An answer is one run and many viewers, at every door, early and late, with one ending."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from blackroad.client import Agent, Call
from tests.conformance.conftest import NAMES, Deployment
from tests.conformance.doors import ENDINGS, Door, Session, View
from tests.conformance.records import Refused, Update, text_of
from tests.conformance.sse_door import SseDoor
from tests.conformance.sse_frames import checked
from tests.conformance.websocket_door import Frame, WebSocketDoor

# At the default pace ECHO takes 0.6 s for this.
SAYING = " ".join(f"word{number}" for number in range(30))
LONG = " ".join(f"word{number}" for number in range(2000))


async def some(view: View) -> list[Update]:
    """Return the updates until some text has come."""
    return await view.until("streaming")


async def nothing_more(session: Session, view: View) -> None:
    """Fail where something came after the ending: all that was under way is here after a call."""
    await session.publish("conformance.after", "a way there and back")
    assert view.updates.empty()


@pytest.mark.parametrize("first", NAMES)
async def test_an_answer_streams_to_its_invoker_and_to_late_viewers_at_every_door(
    deployment: Deployment, doors: list[Door], first: str
) -> None:
    async with AsyncExitStack() as stack:
        invoker = await stack.enter_async_context(deployment.door(first).session("invoker"))
        view = await invoker.invoke("ECHO", SAYING)
        begun = await some(view)
        viewers = [await stack.enter_async_context(door.session("late")) for door in doors]
        views = [await viewer.join(view.stream_id) for viewer in viewers]
        seen = begun + await view.rest()
        late = [await joined.rest() for joined in views]
        for session, one in zip([invoker, *viewers], [view, *views], strict=True):
            await nothing_more(session, one)
    assert text_of(seen) == SAYING
    assert [update.status for update in seen if update.status in ENDINGS] == ["finished"]
    assert "snapshot" not in {update.status for update in seen}
    assert seen[-1].output_tokens == 30
    for updates in late:
        statuses = [update.status for update in updates]
        assert statuses[0] == "snapshot"
        assert statuses.count("snapshot") == 1
        assert "streaming" in statuses
        assert [status for status in statuses if status in ENDINGS] == ["finished"]
        assert text_of(updates) == SAYING


@pytest.mark.parametrize("first", NAMES)
async def test_a_cancel_at_any_door_ends_it_once_for_every_viewer(
    deployment: Deployment, doors: list[Door], first: str
) -> None:
    async with AsyncExitStack() as stack:
        invoker = await stack.enter_async_context(deployment.door("websocket").session("invoker"))
        view = await invoker.invoke("ECHO", LONG)
        await some(view)
        viewers = [await stack.enter_async_context(door.session("viewer")) for door in doors]
        views = [await viewer.join(view.stream_id) for viewer in viewers]
        for joined in views:
            await joined.until("snapshot")
        canceller = await stack.enter_async_context(deployment.door(first).session("canceller"))
        await canceller.cancel(view.stream_id)
        for session, one in zip([invoker, *viewers], [view, *views], strict=True):
            updates = await one.rest()
            assert updates[-1].status == "cancelled"
            await nothing_more(session, one)
        await canceller.cancel(view.stream_id)  # idempotent: it stays as it ended
        http = await stack.enter_async_context(SseDoor(deployment.http).session())
        kept = checked(await http.http.get(f"/v1/streams/{view.stream_id}")).json()
    assert kept["status"] == "cancelled"
    assert LONG.startswith(kept["text"])
    assert 0 < kept["usage"]["output_tokens"] < 2000


async def test_an_answer_is_resumed_at_any_other_door(pair: tuple[Door, Door]) -> None:
    first, second = pair
    async with first.session("invoker") as invoker, second.session("viewer") as viewer:
        view = await invoker.invoke("ECHO", SAYING)
        begun = await some(view)
        resumed = await viewer.join(view.stream_id, view.cursor)
        rest = await resumed.rest()
        whole = begun + await view.rest()
    assert "snapshot" not in {update.status for update in rest}
    assert text_of(begun + rest) == SAYING
    assert text_of(whole) == SAYING


async def test_an_answer_that_has_ended_is_a_snapshot_and_its_ending(
    pair: tuple[Door, Door],
) -> None:
    first, second = pair
    async with first.session("invoker") as invoker, second.session("viewer") as viewer:
        view = await invoker.invoke("ECHO", "one two")
        await view.rest()
        joined = await viewer.join(view.stream_id)
        updates = await joined.rest()
        await nothing_more(viewer, joined)
    assert [update.status for update in updates] == ["snapshot", "finished"]
    assert text_of(updates) == "one two"


async def test_at_the_end_there_is_nothing_left_to_join_over_http(
    deployment: Deployment,
) -> None:
    async with SseDoor(deployment.http).session() as session:
        view = await session.invoke("ECHO", "one")
        await view.rest()
        response = await session.http.get(
            f"/v1/streams/{view.stream_id}/events", headers={"Last-Event-ID": view.cursor}
        )
        assert response.status_code == 204


async def test_several_answers_share_a_session(session_door: Door) -> None:
    async with session_door.session("busy") as session:
        texts = [f"answer {number}: " + "word " * (5 + number) + "end" for number in range(5)]
        views = await asyncio.gather(*(session.invoke("ECHO", text) for text in texts))
        seen = await asyncio.gather(*(view.rest() for view in views))
    assert len({view.stream_id for view in views}) == 5
    assert [text_of(updates) for updates in seen] == texts
    assert {updates[-1].status for updates in seen} == {"finished"}


async def test_frames_of_an_answer_carry_the_invokers_own_id(deployment: Deployment) -> None:
    door = WebSocketDoor(deployment.http)
    async with door.session("invoker") as invoker, door.session("viewer") as viewer:
        request_id, view = await invoker.invoke_as("ECHO", SAYING)
        await some(view)
        joined = await viewer.join(view.stream_id)
        await view.rest()
        await joined.rest()
        mine = [frame for frame in invoker.frames if frame.type == "agent.response"]
        theirs = [frame for frame in viewer.frames if frame.type == "agent.response"]
    assert {frame.id for frame in mine} == {request_id}
    assert request_id not in {frame.id for frame in theirs}
    assert {frame.stream_id for frame in mine + theirs} == {view.stream_id}


async def test_only_its_invoker_sees_and_cancels_an_answer(
    deployment: Deployment, doors: list[Door]
) -> None:
    grants = (("agent.ECHO", "invoke"), ("conformance.>", "publish"))
    owner = deployment.token("owner", *grants)
    other = deployment.token("other", *grants)
    async with AsyncExitStack() as stack:
        invoker = await stack.enter_async_context(doors[1].session("owner", owner))
        view = await invoker.invoke("ECHO", SAYING)
        for door in doors:
            async with door.session("other", other) as stranger:
                for attempt in (stranger.join(view.stream_id), stranger.cancel(view.stream_id)):
                    with pytest.raises(Refused) as refused:
                        await attempt
                    assert refused.value.code in {"forbidden", "not_found"}, door.name
            async with door.session("owner", owner) as same:
                joined = await same.join(view.stream_id)
                assert (await joined.update()).status == "snapshot"
        assert text_of(await view.rest()) == SAYING


class Counted:
    """An agent of ours that counts its runs, and goes on when it is told to."""

    def __init__(self, name: str, address: str) -> None:
        self.runs = 0
        self.stopped = 0
        self.go = asyncio.Event()
        self.agent = Agent(name, max_concurrency=10, url=f"grpc://{address}")
        self.agent.answer(self._answer)
        self.ready = asyncio.Event()

    async def _answer(self, call: Call) -> AsyncGenerator[str]:
        self.runs += 1
        yield "first "
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        for number in range(20):
            yield f"{number} "
        yield call.text


async def test_two_hundred_viewers_cost_one_run(deployment: Deployment) -> None:
    counted = Counted(f"COUNTED-{uuid4().hex[:8]}", deployment.grpc)
    serving = asyncio.create_task(counted.agent.serve(ready=counted.ready.set))
    expected = "first " + "".join(f"{number} " for number in range(20)) + "last"
    try:
        async with AsyncExitStack() as stack:
            await asyncio.wait_for(counted.ready.wait(), 10)
            websocket = deployment.door("websocket")
            invoker = await stack.enter_async_context(websocket.session("invoker"))
            view = await invoker.invoke(counted.agent.name, "last")
            begun = await some(view)
            names = ["websocket"] * 180 + ["sse"] * 10 + ["grpc"] * 10
            views: list[View] = []
            for number, name in enumerate(names):
                session = deployment.door(name).session(f"viewer-{number}")
                viewer = await stack.enter_async_context(session)
                views.append(await viewer.join(view.stream_id))
            for joined in views:
                assert (await joined.update()).text == "first "
            counted.go.set()
            assert text_of(begun + await view.rest()) == expected
            for joined in views:
                updates = await joined.rest()
                assert "first " + text_of(updates) == expected
                assert updates[-1].status == "finished"
                assert joined.updates.empty()
        assert counted.runs == 1
    finally:
        counted.agent.drain()
        await serving


async def test_a_cancel_reaches_the_worker(deployment: Deployment, door: Door) -> None:
    counted = Counted(f"COUNTED-{uuid4().hex[:8]}", deployment.grpc)
    serving = asyncio.create_task(counted.agent.serve(ready=counted.ready.set))
    try:
        await asyncio.wait_for(counted.ready.wait(), 10)
        async with door.session("invoker") as invoker:
            view = await invoker.invoke(counted.agent.name, "never said")
            await some(view)
            await invoker.cancel(view.stream_id)
            assert (await view.rest())[-1].status == "cancelled"
        assert (counted.runs, counted.stopped) == (1, 1)
    finally:
        counted.agent.drain()
        await serving


async def test_a_websocket_viewer_may_stop_viewing_and_the_answer_goes_on(
    deployment: Deployment,
) -> None:
    door = WebSocketDoor(deployment.http)
    async with door.session("invoker") as invoker, door.session("viewer") as viewer:
        view = await invoker.invoke("ECHO", SAYING)
        joined = await viewer.join(view.stream_id)
        assert (await joined.update()).status == "snapshot"
        await viewer.ask(Frame, type="unsubscribe", room=f"stream.{view.stream_id}")
        assert text_of(await view.rest()) == SAYING
        assert "finished" not in {frame.status for frame in viewer.frames}
