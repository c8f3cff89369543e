"""What an answer is in chunks; `tests/node` has the AI SDK itself."""

import asyncio
from collections.abc import AsyncIterator

from blackroad.client import (
    Call,
    Client,
    Yielded,
)
from tests.edge.chat.stage import serving
from tests.edge.chat.ui.reading import act, breaks, reading, said
from tests.edge.rig import EdgeRig, an_object, until

CHUNKED = "transfer-encoding"


async def test_every_part_has_its_chunks_in_the_sdks_order(core: str, edge: EdgeRig) -> None:
    async with (
        serving(core, "ACTOR", act),
        reading(edge, "POST", "/v1/chat/ui?agent=ACTOR", json=said("go")) as told,
    ):
        chunks = await told.rest()
    stream_id = told.response.headers["x-stream-id"]
    assert told.response.headers[CHUNKED] == "chunked"
    kinds = [chunk["type"] for chunk in chunks if not str(chunk["type"]).endswith("-delta")]
    assert kinds == [
        "start",
        "start-step",
        "reasoning-start",
        "reasoning-end",
        "text-start",
        "text-end",
        "tool-input-start",
        "tool-input-available",
        "tool-output-available",
        "finish-step",
        "start-step",
        "tool-input-start",
        "tool-input-available",
        "tool-output-error",
        "finish-step",
        "start-step",
        "text-start",
        "text-end",
        "finish-step",
        "finish",
    ]
    assert chunks[0] == {
        "type": "start",
        "messageId": stream_id,
        "messageMetadata": {"streamId": stream_id},
    }
    assert told.of("tool-output-available")[0]["output"] == {"found": 1}
    assert told.of("tool-input-available")[0]["input"] == {"for": "x"}
    assert told.text == "one twothree"
    finish = chunks[-1]
    assert finish["finishReason"] == "stop"
    usage = {"inputTokens": 4, "outputTokens": 5, "totalTokens": 9}
    assert finish["messageMetadata"] == {
        "streamId": stream_id,
        "agent": "ACTOR",
        "usage": usage,
    }


async def asks(call: Call) -> AsyncIterator[Yielded]:
    await call.progress(50, "half")
    name = await call.ask("Your name?", {"type": "string"})
    yield f"hello {name}"


async def test_a_question_is_a_data_part_that_the_input_completes(core: str, edge: EdgeRig) -> None:
    async with (
        serving(core, "ASKS", asks),
        Client(f"grpc://{core}"),
        reading(edge, "POST", "/v1/chat/ui?agent=ASKS", json=said("go")) as told,
        edge.http() as http,
    ):
        while not told.of("data-input-required"):
            await told.next()
        stream_id = told.response.headers["x-stream-id"]
        given = await http.post(f"/v1/streams/{stream_id}/input", json={"content": "Bea"})
        assert given.status_code == 204, given.text
        await told.rest()
        question, answered = told.of("data-input-required")
        assert question["id"] == answered["id"]
        assert an_object(question["data"])["prompt"] == "Your name?"
        assert an_object(answered["data"])["input"] == "Bea"
        progress = told.of("data-progress")[0]
        assert progress["transient"] is True
        assert told.text == "hello Bea"


async def test_failures_are_a_status_before_the_first_chunk_and_an_error_after_it(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "BREAKS", breaks), edge.http() as http:
        path = "/v1/chat/ui?agent=BREAKS"
        early = await http.post(path, json=said("early"))
        assert (early.status_code, early.json()["code"]) == (502, "agent_error")
        async with reading(edge, "POST", path, json=said("late")) as told:
            await told.rest()
        assert told.text == "so far"
        assert told.chunks[-1] == {
            "type": "error",
            "errorText": "The agent failed; its log has the details.",
        }
        for body in ({}, {"id": "c"}, said("x", ""), said("x", "c" * 129), said("")):
            wrong = await http.post(path, json=body)
            assert wrong.status_code == 400, body
        nobody = await http.post("/v1/chat/ui?model=none", json=said("x"))
        assert (nobody.status_code, nobody.json()["code"]) == (404, "model_not_found")


FLOOD = [chr(1 + number % 8) * 48_000 for number in range(60)]
"""Six times as long on the wire."""


async def floods(call: Call) -> AsyncIterator[Yielded]:
    del call
    for part in FLOOD:
        yield part
        await asyncio.sleep(0.02)


async def test_a_reader_that_stands_still_misses_nothing(core: str, edge: EdgeRig) -> None:
    def overflowed() -> bool:
        receivers = [session.receiver for session in edge.edge.context.trunk.sessions.values()]
        return any(receiver is not None and receiver.lost for receiver in receivers)

    async with (
        serving(core, "FLOODS", floods),
        reading(edge, "POST", "/v1/chat/ui?agent=FLOODS", json=said("go")) as told,
    ):
        await until(overflowed)
        await told.rest()
    assert told.text == "".join(FLOOD)
    assert len(told.of("text-start")) == len(told.of("text-end")) == 1
