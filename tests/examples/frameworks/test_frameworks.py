"""Each framework's agent shows its tool calls, and asks a person before it pays."""

import ast
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from blackroad.client import (
    Answer,
    Cancelled,
    Client,
    Finished,
    Input,
    InputRequired,
    Part,
    Text,
    ToolCall,
    ToolResult,
)
from tests.examples.frameworks.conftest import EXAMPLES, FOLDER

SECONDS: Final = 60.0

pytestmark = pytest.mark.timeout(180)


async def until_asked(answer: Answer) -> list[Part]:
    """Return the parts up to the question."""
    parts = [await anext(answer)]
    while not isinstance(parts[-1], InputRequired):
        parts.append(await anext(answer))
    return parts


@pytest.mark.node
async def test_a_person_agrees_or_refuses_before_the_tool_runs(travel: str) -> None:
    async with asyncio.timeout(SECONDS), Client(travel) as client:
        assert await result_after(client, reply=True) == "paid"
        assert await result_after(client, reply=False) != "paid"


async def result_after(client: Client, *, reply: bool) -> str:
    """Ask, reply to the question, look at every part of the answer; return the tool's result."""
    answer = client.invoke("TRAVEL", "A ticket to Ulm, please")
    before = await until_asked(answer)
    (called,) = [part for part in before if isinstance(part, ToolCall)]
    assert (called.name, json.loads(called.arguments)) == ("pay", {"amount": 12})
    question = before[-1]
    assert isinstance(question, InputRequired)
    assert question.prompt.startswith("Shall I pay")
    assert json.loads(question.schema) == {"type": "boolean"}
    await answer.reply(reply)
    after = [part async for part in answer]
    assert [json.loads(part.json) for part in after if isinstance(part, Input)] == [reply]
    (told,) = [part for part in after if isinstance(part, ToolResult)]
    assert told.tool_call_id == called.tool_call_id
    texts = [part.text for part in after if isinstance(part, Text)]
    assert "".join(texts) == "One two three, off to Ulm."
    assert len(texts) > 3, "the model's words come one by one"
    assert isinstance(after[-1], Finished)
    return told.content


@pytest.mark.node
async def test_a_cancel_ends_one_that_waits_for_a_person(travel: str) -> None:
    async with asyncio.timeout(SECONDS), Client(travel) as client:
        answer = client.invoke("TRAVEL", "A ticket to Ulm, please")
        await until_asked(answer)
        await answer.cancel()
        after = [part async for part in answer]
        assert isinstance(after[-1], Cancelled)
        assert not [part for part in after if isinstance(part, ToolResult)]
        # It goes on to serve.
        await until_asked(client.invoke("TRAVEL", "A ticket to Ulm, please"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_it_has_fewer_than_twenty_lines_of_code(example: str) -> None:
    assert len(list(lines_of_code(FOLDER / example))) < 20


def lines_of_code(file: Path) -> Iterator[str]:
    """Yield the lines that are neither blank nor an import nor a docstring."""
    text = file.read_text()
    beside = set[int]()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            beside.update(lines_of(node))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            beside.update(lines_of(node))
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and number not in beside:
            yield line


def lines_of(statement: ast.stmt) -> range:
    """Return the numbers of a statement's lines."""
    return range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
