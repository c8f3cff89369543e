"""Every frame of a browser and its answer, through a real edge and core."""

from typing import cast

import pytest

from tests.edge.rig import EdgeRig, Frame


async def test_ping_is_answered(edge: EdgeRig) -> None:
    async with edge.browser("a") as a:
        await a.say("ping", id="1")
        assert await a.next() == {"type": "pong", "id": "1"}


async def test_a_message_reaches_every_follower_once_and_is_acknowledged(edge: EdgeRig) -> None:
    async with edge.browser("a") as a, edge.browser("b") as b:
        await a.follow("room")
        await b.follow("room")
        published = await b.publish("room", {"x": [1, None]})
        for browser in (a, b):
            message = await browser.find("message")
            assert message["content"] == {"x": [1, None]}
            assert (message["from"], message["room"]) == ("b", "room")
            assert message["event_id"] == published["event_id"]
        await b.say("ping", id="end")
        await b.find("pong")
        assert len([frame for frame in b.passed if frame["type"] == "message"]) == 1


async def test_without_an_id_published_is_left_out(edge: EdgeRig) -> None:
    async with edge.browser("a") as a:
        await a.say("message", room="room", content=1)
        await a.say("message", room="..", content=1)
        await a.say("ping", id="end")
        assert [(await a.next())["type"] for _ in range(2)] in (
            ["error", "pong"],
            ["pong", "error"],
        )


async def test_a_key_that_was_seen_gives_the_first_result(edge: EdgeRig) -> None:
    async with edge.browser("a") as a:
        first = await a.publish("room", 1, idempotency_key="k")
        again = await a.publish("room", 1, idempotency_key="k")
        assert (first["duplicate"], again["duplicate"]) == (False, True)
        assert first["event_id"] == again["event_id"]


async def test_a_cursor_resumes_after_it_and_marks_what_was_missed(edge: EdgeRig) -> None:
    async with edge.browser("a") as a, edge.browser("b") as b:
        await a.follow("room")
        await b.publish("room", 1)
        cursor = (await a.find("message"))["cursor"]
        await a.say("unsubscribe", room="room")
        await a.find("unsubscribed")
        await b.publish("room", 2)
        await b.publish("room", 3)
        await a.say("subscribe", room="room", cursor=cursor)
        subscribed = await a.find("subscribed")
        assert (subscribed["recovered"], subscribed["cursor"]) == (True, cursor)
        missed = [await a.next(), await a.next()]
        assert [frame["content"] for frame in missed] == [2, 3]
        assert {frame["subscription"] for frame in missed} == {"room"}
        assert (await a.next())["type"] == "caught_up"
        await b.publish("room", 4)
        live = await a.find("message")
        assert live["content"] == 4
        assert "subscription" not in live


async def test_history_comes_first_then_what_comes(edge: EdgeRig) -> None:
    async with edge.browser("a") as a:
        for number in range(5):
            await a.publish("room", number)
        await a.say("subscribe", room="room", history=2)
        await a.find("subscribed")
        assert [(await a.next())["content"] for _ in range(2)] == [3, 4]
        await a.find("caught_up")


async def test_a_pattern_sees_events_under_their_own_channel(edge: EdgeRig) -> None:
    async with edge.browser("a") as a, edge.browser("b") as b:
        await a.follow("task.*.progress")
        await b.say("publish", room="task.7.progress", event="task.progress", content=50)
        seen = await a.next()
        assert (seen["type"], seen["room"]) == ("task.progress", "task.7.progress")


async def test_rooms_are_answered_one_by_one(edge: EdgeRig) -> None:
    async with edge.browser("a") as a:
        await a.say("subscribe", rooms=["x", "y..", {"room": "z"}], id="1")
        answers = [await a.next() for _ in range(5)]
        kinds = sorted((str(frame["type"]), str(frame["room"])) for frame in answers)
        assert kinds == [
            ("caught_up", "x"),
            ("caught_up", "z"),
            ("error", "y.."),
            ("subscribed", "x"),
            ("subscribed", "z"),
        ]


async def test_history_pages_backwards_and_forwards(edge: EdgeRig) -> None:
    async with edge.browser("a") as a:
        last = [(await a.publish("room", number))["offset"] for number in range(4)][-1]
        await a.say("history", room="room", limit=2, id="1")
        page = await a.find("history")
        assert contents(page) == [2, 3]
        assert page["more"] is True
        await a.say("history", room="room", limit=5, before=last, id="2")
        page = await a.find("history")
        assert contents(page) == [0, 1, 2]
        assert page["more"] is False


async def test_presence_is_told_and_changed(edge: EdgeRig) -> None:
    async with edge.browser("a") as a, edge.browser("b") as b:
        await b.say("presence.update", status="busy", metadata={"k": 1}, id="1")
        await b.find("accepted", id="1")
        await a.say("presence", entity_type="user", entity_id="b", id="2")
        (entity,) = items(await a.find("presence"), "entities")
        sessions = items(entity, "sessions")
        assert (entity["entity_id"], entity["status"]) == ("b", "busy")
        assert entity["metadata"] == {"k": 1}
        assert len(sessions) == 1


async def test_who_comes_and_goes_is_told_flat_to_who_asked(edge: EdgeRig) -> None:
    async with edge.browser("a") as a, edge.browser("b") as b:
        await a.follow("agents", presence=True)
        await b.follow("agents")
        joined = await a.find("room.joined", client_id="b")
        assert (joined["room"], joined["member_count"]) == ("agents", 2)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ({"type": "zzz"}, "unknown_type"),
        ({"type": "subscribe"}, "missing_field"),
        ({"type": "subscribe", "room": "a..b"}, "invalid_name"),
        ({"type": "subscribe", "room": "a", "cursor": "?"}, "invalid_cursor"),
        ({"type": "message", "room": "a"}, "missing_field"),
        ({"type": "message", "room": "a", "data": "?"}, "bad_frame"),
        ({"type": "message", "room": "system.x", "content": 1}, "forbidden"),
        ({"type": "publish", "room": "a", "content": 1, "event": "gap"}, "reserved_type"),
        ({"type": "publish", "room": "a", "content": 1, "event": "a b"}, "invalid_name"),
        ({"type": "message", "room": "a", "content": "x" * 70_000}, "too_large"),
        ({"type": "publish", "room": "a", "content": 1, "event": ""}, "invalid_name"),
        ({"type": "subscribe", "room": "a", "rooms": ["b"]}, "bad_frame"),
        ({"type": "subscribe", "channel": "a", "rooms": ["b"]}, "bad_frame"),
        ({"type": "message", "room": "a", "channel": "b", "content": 1}, "bad_frame"),
        ({"type": "presence", "room": "a", "entity_type": "user", "entity_id": "b"}, "bad_frame"),
        ({"type": "agent.invoke", "agent": "NOBODY", "input": "x"}, "no_agent"),
        ({"type": "agent.invoke", "agent": "bad name", "input": "x"}, "invalid_name"),
        ({"type": "agent.invoke", "model": "no/such", "input": "x"}, "model_not_found"),
        ({"type": "cancel", "stream_id": "st_none"}, "not_found"),
        ({"type": "presence"}, "missing_field"),
        ({"type": "presence", "entity_id": "a"}, "missing_field"),
        ({"type": "history", "room": "a", "before": 1, "after": 1}, "bad_frame"),
    ],
)
async def test_what_is_refused_names_its_code_and_the_session_lives(
    edge: EdgeRig, frame: dict[str, object], code: str
) -> None:
    async with edge.browser("a") as a:
        await a.say(**frame, id="7")
        error = await a.next()
        assert (error["type"], error["code"], error["id"]) == ("error", code, "7")
        assert isinstance(error["retryable"], bool)
        await a.say("ping", id="8")
        assert (await a.next())["type"] == "pong"


@pytest.mark.parametrize(
    ("frame", "answer"),
    [
        ({"type": "subscribe", "cursor": None, "history": None, "presence": None}, "subscribed"),
        ({"type": "history", "limit": None, "before": None, "after": None}, "history"),
    ],
)
async def test_null_is_as_good_as_nothing(
    edge: EdgeRig, frame: dict[str, object], answer: str
) -> None:
    async with edge.browser("a") as a:
        await a.say(**frame, room="room", id="7")
        assert (await a.next())["type"] == answer


async def test_what_is_no_frame_is_answered_and_the_session_lives(edge: EdgeRig) -> None:
    async with edge.browser("a") as a:
        for text in ("{", "[1]", '{"type":"ping","type":"ping"}', "[" * 1000):
            await a.socket.send(text)
            assert (await a.next())["code"] == "bad_frame"


async def test_several_answers_at_once_are_told_apart_by_id(edge: EdgeRig, agent: str) -> None:
    async with edge.browser("a") as a:
        for name in ("1", "2"):
            await a.say("agent.invoke", agent=agent, input=f"one two {name}", id=name)
        texts = {"1": "", "2": ""}
        for _ in range(2):
            while True:
                frame = await a.find("agent.response")
                if frame["status"] == "streaming":
                    texts[str(frame["id"])] += str(frame["delta"])
                if frame["status"] == "finished":
                    break
        assert texts == {"1": "one two 1", "2": "one two 2"}


async def test_a_late_viewer_gets_a_snapshot_and_the_ending(edge: EdgeRig, agent: str) -> None:
    async with edge.browser("a") as a, edge.browser("b") as b:
        await a.say("agent.invoke", agent=agent, input="one two", id="1")
        ended = await a.find("agent.response", status="finished")
        assert ended["reason"] == "stop"
        await b.say("subscribe", room=f"stream.{ended['stream_id']}")
        await b.find("subscribed")
        snapshot = await b.next()
        assert (snapshot["status"], snapshot["text"]) == ("snapshot", "one two")
        assert (await b.next())["status"] == "finished"
        assert "id" not in snapshot


async def test_a_cancel_is_seen_by_all_viewers(edge: EdgeRig, agent: str) -> None:
    async with edge.browser("a") as a, edge.browser("b") as b:
        await a.say("agent.invoke", agent=agent, input="one wait", id="1")
        stream_id = (await a.find("agent.response", status="streaming"))["stream_id"]
        await b.follow(f"stream.{stream_id}")
        await a.say("cancel", stream_id=stream_id, id="2")
        await b.find("agent.response", status="cancelled")
        assert (await a.find("agent.response", status="cancelled"))["id"] == "1"


async def test_a_failure_has_a_code_and_no_exceptions_text(edge: EdgeRig, agent: str) -> None:
    async with edge.browser("a") as a:
        await a.say("agent.invoke", agent=agent, input="one fail", id="1")
        failed = await a.find("agent.response", status="failed")
        assert failed["code"] == "agent_error"
        assert "never shown" not in str(failed)


def items(frame: Frame, name: str) -> list[Frame]:
    found = frame[name]
    assert isinstance(found, list)
    return cast("list[Frame]", found)


def contents(page: Frame) -> list[object]:
    return [event["content"] for event in items(page, "events")]


async def test_a_session_with_as_many_channels_as_it_may_have_still_invokes(
    edge: EdgeRig, agent: str
) -> None:
    async with edge.browser("ann") as ann:
        rooms = ["tasks", *(f"r{number}" for number in range(127))]
        await ann.say("subscribe", rooms=rooms)
        await ann.find("caught_up", room=rooms[-1])
        await ann.say("subscribe", id="129", room="one.more")
        assert (await ann.find("error", id="129"))["code"] == "too_many_subscriptions"
        await ann.say("subscribe", id="again", room="r0")
        await ann.find("subscribed", id="again")
        await ann.say("agent.invoke", id="q", agent=agent, input="one")
        await ann.find("agent.response", id="q", status="finished")
