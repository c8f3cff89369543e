"""Who may ask whom by the `openai` SDK, and how."""

import asyncio

import openai
import pytest
from openai.types.chat import (
    ChatCompletionMessageParam,
)

from tests.edge.chat.openai.sdk import SECONDS, chunks_of, pointed_at, words
from tests.edge.chat.stage import serving, token
from tests.edge.rig import EdgeRig


async def test_agents_and_models_are_listed_and_each_can_be_asked(core: str, edge: EdgeRig) -> None:
    models = ("builtin/parrot", "ollama/*")
    async with serving(core, "WORDS", words, models), pointed_at(edge) as client:
        listed = {model.id: model.owned_by async for model in client.models.list()}
        assert listed == {"WORDS": "agent", "builtin/parrot": "builtin"}
        for model in listed:
            completion = await client.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "hi"}]
            )
            assert completion.choices[0].message.content == "hi"
        assert (await client.models.retrieve("builtin/parrot")).id == "builtin/parrot"
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("nobody")


async def test_a_token_is_obeyed_and_its_grants_decide(core: str, edge: EdgeRig) -> None:
    question: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
    async with serving(core, "WORDS", words), serving(core, "OTHER", words):
        async with pointed_at(edge, key="not.a.token") as client:
            with pytest.raises(openai.AuthenticationError) as refused:
                await client.chat.completions.create(model="WORDS", messages=question)
            assert refused.value.code == "unauthenticated"
        granted = token("bea", "agent.WORDS", "invoke")
        async with pointed_at(edge, key=granted) as client:
            assert [model.id async for model in client.models.list()] == ["WORDS"]
            await client.chat.completions.create(model="WORDS", messages=question)
            with pytest.raises(openai.PermissionDeniedError) as forbidden:
                await client.chat.completions.create(model="OTHER", messages=question)
            assert forbidden.value.code == "forbidden"


async def test_a_page_may_send_an_sdks_own_headers(edge: EdgeRig) -> None:
    asked = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-stainless-lang",
    }
    async with edge.http() as http:
        allowed = await http.options("/v1/chat/completions", headers=asked)
        foreign = await http.options("/v1/models", headers=asked | {"origin": "http://evil.test"})
    assert allowed.status_code == 204
    assert "x-stainless-lang" in allowed.headers["access-control-allow-headers"]
    assert "X-Should-Retry" in allowed.headers["access-control-expose-headers"]
    assert foreign.status_code == 403
    assert "access-control-allow-headers" not in foreign.headers


async def test_a_client_of_http_1_0_gets_a_stream_that_is_not_chunked(
    core: str, edge: EdgeRig
) -> None:
    body = b'{"model": "WORDS", "stream": true, "messages": [{"role": "user", "content": "hi"}]}'
    head = f"POST /v1/chat/completions HTTP/1.0\r\nhost: {edge.address}\r\n"
    async with serving(core, "WORDS", words):
        reader, writer = await asyncio.open_connection(*edge.address.split(":"))
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        answer = await asyncio.wait_for(reader.read(), SECONDS)
        writer.close()
        await writer.wait_closed()
    assert b"chunked" not in answer
    assert b"\r\n\r\ndata: {" in answer
    assert answer.endswith(b"data: [DONE]\n\n")


async def test_many_streams_at_once_keep_their_texts_apart(core: str, edge: EdgeRig) -> None:
    async with serving(core, "WORDS", words), pointed_at(edge) as client:
        texts = [f"number {number} ünï 😀" for number in range(12)]
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(chunks_of(client, "WORDS", text)) for text in texts]
    for text, task in zip(texts, asked, strict=True):
        said = [c.choices[0].delta.content or "" for c in task.result() if c.choices]
        assert "".join(said) == text
