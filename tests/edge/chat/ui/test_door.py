"""A chat of the AI SDK that is resumed, stopped, left and asked anew."""

import asyncio

from tests.edge.chat.stage import token, until_set
from tests.edge.chat.ui.reading import in_the_middle, reading, said
from tests.edge.rig import EdgeRig, running_edge


async def test_a_chat_is_resumed_from_its_beginning_and_both_see_the_end(
    core: str, edge: EdgeRig
) -> None:
    async with (
        in_the_middle(core, edge, "a/b") as (gated, acted, told),
        reading(edge, "GET", "/v1/chat/ui/a%2Fb/stream") as again,
    ):
        while not again.text:
            await again.next()
        assert again.text == "so far"
        gated.more.set()
        await told.rest()
        await again.rest()
        assert again.text == told.text == "so far, and the rest"
        assert again.chunks[0] == told.chunks[0]
        assert len(acted.calls) == 1
        async with edge.http() as http:
            assert (await http.get("/v1/chat/ui/a%2Fb/stream")).status_code == 204


async def test_a_chat_is_resumed_and_stopped_at_another_edge(core: str, edge: EdgeRig) -> None:
    async with in_the_middle(core, edge) as (_, acted, told), running_edge(core) as other:
        async with reading(other, "GET", "/v1/chat/ui/c1/stream") as again:
            while not again.text:
                await again.next()
            async with other.http() as http:
                assert (await http.post("/v1/chat/ui/c1/stop")).status_code == 200
            await until_set(acted.stopped)
            await again.rest()
            await told.rest()
        assert again.chunks[-1] == told.chunks[-1] == {"type": "abort", "reason": "cancelled"}


async def test_a_disconnect_cancels_nothing(core: str, edge: EdgeRig) -> None:
    async with in_the_middle(core, edge) as (gated, acted, told):
        await told.response.aclose()
        async with reading(edge, "GET", "/v1/chat/ui/c1/stream") as again:
            gated.more.set()
            await again.rest()
        assert again.text == "so far, and the rest"
        assert not acted.stopped.is_set()


async def test_stop_reaches_the_worker_and_tells_the_viewer(core: str, edge: EdgeRig) -> None:
    async with in_the_middle(core, edge) as (_, acted, told), edge.http() as http:
        stopped = await http.post("/v1/chat/ui/c1/stop")
        assert (stopped.status_code, stopped.json()["status"]) == (200, "cancelled")
        await until_set(acted.stopped)
        await told.rest()
        assert told.chunks[-1] == {"type": "abort", "reason": "cancelled"}
        assert (await http.post("/v1/chat/ui/c1/stop")).status_code == 204
        assert (await http.post("/v1/chat/ui/none/stop")).status_code == 204


async def test_a_page_that_comes_back_just_as_its_answer_ended_finds_it_by_its_label(
    core: str, edge: EdgeRig
) -> None:
    async with in_the_middle(core, edge) as (gated, _, told), edge.http() as http:
        gated.more.set()
        await told.rest()
        assert (await http.get("/v1/chat/ui/c1/stream")).status_code == 204
        found = (await http.get("/v1/streams?label=chat:c1&page_size=1")).json()["items"]
        assert [item["status"] for item in found] == ["finished"]
        whole = (await http.get(f"/v1/streams/{found[0]['stream_id']}")).json()
        assert whole["text"] == told.text
        assert (await http.get("/v1/streams?label=chat:c2")).json()["items"] == []
        assert (await http.get("/v1/streams?label=chat:c1&label=x:y")).json()["items"] == []
        assert (await http.get("/v1/streams?label=chat")).status_code == 400


async def test_another_identity_cannot_resume_or_stop_a_chat(core: str, edge: EdgeRig) -> None:
    mallory = token("mallory", "stream.>", "subscribe", "manage")
    headers = {"authorization": f"Bearer {mallory}"}
    async with in_the_middle(core, edge) as (gated, acted, told), edge.http() as http:
        resumed = await http.get("/v1/chat/ui/c1/stream", headers=headers)
        stopped = await http.post("/v1/chat/ui/c1/stop", headers=headers)
        assert (resumed.status_code, stopped.status_code) == (204, 204), resumed.text
        gated.more.set()
        await told.rest()
        assert not acted.stopped.is_set()


async def test_a_new_message_ends_the_answer_in_progress(core: str, edge: EdgeRig) -> None:
    async with in_the_middle(core, edge) as (gated, acted, told):
        gated.more.set()
        gated.more = asyncio.Event()
        async with reading(edge, "POST", "/v1/chat/ui?agent=GATED", json=said("again")) as next_:
            while not next_.text:
                await next_.next()
            gated.more.set()
            await next_.rest()
        assert next_.text == "so far, and the rest"
        await told.rest()
        assert len(acted.calls) == 2
