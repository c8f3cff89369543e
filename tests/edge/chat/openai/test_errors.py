"""What goes wrong, early and late, as the `openai` SDK raises it."""

import asyncio
from collections.abc import AsyncIterator

import openai
import pytest

from blackroad.client import (
    Call,
    Yielded,
)
from tests.edge.chat.openai.sdk import breaks, pointed_at, read
from tests.edge.chat.stage import serving, until_set
from tests.edge.rig import EdgeRig


async def test_what_is_wrong_has_openais_status_and_shape(core: str, edge: EdgeRig) -> None:
    async with serving(core, "BREAKS", breaks), pointed_at(edge) as client:
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.chat.completions.create(
                model="nobody", messages=[{"role": "user", "content": "x"}]
            )
        assert unknown.value.code == "model_not_found"
        assert unknown.value.type == "invalid_request_error"
        with pytest.raises(openai.BadRequestError) as wrong:
            await client.chat.completions.create(
                model="BREAKS", messages=[{"role": "user", "content": "x"}], max_tokens=0
            )
        assert (wrong.value.param, wrong.value.code) == ("max_tokens", "bad_frame")
        with pytest.raises(openai.BadRequestError):
            await client.chat.completions.create(model="BREAKS", messages=[])
        with pytest.raises(openai.InternalServerError) as failed:
            await client.chat.completions.create(
                model="BREAKS", messages=[{"role": "user", "content": "early"}]
            )
        assert (failed.value.status_code, failed.value.code) == (502, "agent_error")
        assert "never shown" not in str(failed.value.body)
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(
                model="BREAKS", messages=[{"role": "user", "content": "early"}], stream=True
            )


async def test_what_cannot_succeed_again_is_not_asked_again(core: str, edge: EdgeRig) -> None:
    async with serving(core, "BREAKS", breaks) as acted, pointed_at(edge, retries=2) as client:
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(
                model="BREAKS", messages=[{"role": "user", "content": "early"}]
            )
        assert len(acted.calls) == 1


async def test_a_late_failure_is_raised_in_the_middle_of_the_stream(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "BREAKS", breaks), pointed_at(edge) as client:
        stream = await client.chat.completions.create(
            model="BREAKS", messages=[{"role": "user", "content": "late"}], stream=True
        )
        said: list[str] = []
        with pytest.raises(openai.APIError) as failed:
            await read(stream, said)
        assert "".join(said) == "so far"
        assert failed.value.code == "agent_error"


async def endless(call: Call) -> AsyncIterator[Yielded]:
    del call
    yield "so far"
    await asyncio.sleep(60)


@pytest.mark.slow
async def test_a_stream_that_is_closed_cancels_its_answer_after_a_while(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "ENDLESS", endless) as acted, pointed_at(edge) as client:
        stream = await client.chat.completions.create(
            model="ENDLESS", messages=[{"role": "user", "content": "x"}], stream=True
        )
        await anext(aiter(stream))
        await stream.close()
        await until_set(acted.stopped, 8.0)


@pytest.mark.slow
async def test_a_client_that_waits_no_more_cancels_its_answer_after_a_while(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "ENDLESS", endless) as acted, pointed_at(edge) as client:
        asking = asyncio.create_task(
            client.chat.completions.create(
                model="ENDLESS", messages=[{"role": "user", "content": "x"}]
            )
        )
        await until_set(acted.asked)
        asking.cancel()
        await until_set(acted.stopped, 8.0)


async def test_an_edge_that_drains_tells_who_waits_for_a_whole_completion(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "ENDLESS", endless) as acted, pointed_at(edge) as client:
        asking = asyncio.create_task(
            client.chat.completions.create(
                model="ENDLESS", messages=[{"role": "user", "content": "x"}]
            )
        )
        await until_set(acted.asked)
        edge.edge.drain()
        with pytest.raises(openai.InternalServerError) as drained:
            await asking
        assert (drained.value.status_code, drained.value.code) == (503, "draining")


async def test_an_answer_that_another_cancels_is_an_error_not_an_end(
    core: str, edge: EdgeRig
) -> None:
    async with serving(core, "ENDLESS", endless), pointed_at(edge) as client, edge.http() as http:
        stream = await client.chat.completions.create(
            model="ENDLESS", messages=[{"role": "user", "content": "x"}], stream=True
        )
        stream_id = stream.response.headers["x-stream-id"]
        await anext(aiter(stream))
        await http.delete(f"/v1/streams/{stream_id}")
        with pytest.raises(openai.APIError) as cancelled:
            await read(stream, [])
        assert cancelled.value.code == "cancelled"
