"""A user's code, checked by strict type checkers: what is right passes, what is wrong is found."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

RIGHT = """
import asyncio
from collections.abc import AsyncIterator

from blackroad.client import Agent, Call, Client, Event, Gap, Progress, Text, Usage, Yielded
from blackroad.client.sync import Client as SyncClient
from blackroad.testing.clock import FakeClock
from blackroad.testing.server import RealtimeServer

agent = Agent("TYPED", capabilities=["typed"], max_concurrency=4)


@agent.answer
async def answer(call: Call) -> AsyncIterator[Yielded]:
    await call.progress(50, "half")
    yield f"{call.text} {call.options.max_tokens}"
    yield Usage(1, 2)
    async for part in call.invoke("ECHO", "hi"):
        if isinstance(part, Text):
            yield part


async def token() -> str:
    return ""


async def main() -> None:
    async with Client(token=token) as client:
        published = await client.publish("room", {"n": [1, None, "x"]}, "order.placed")
        offset: int = published.offset
        async for received in client.subscribe("room", history=1):
            match received:
                case Event():
                    cursor: str = received.cursor
                    print(cursor, received.content, offset)
                case Gap():
                    print(received.reason)
                case _:
                    print(received.text)
        print([each.entity_id for each in await client.presence("agent")])
        async for part in client.invoke("ECHO", "hi", deadline_seconds=5):
            if isinstance(part, Progress):
                print(part.percent)
        text: str = await client.join("st_1").text()
        print(text)


def script() -> None:
    with SyncClient(token=lambda: "") as client:
        offset: int = client.publish("room", "x", ttl_seconds=1.0).offset
        with client.subscribe("room", cursor=None) as events:
            for event in events:
                print(event.channel if isinstance(event, Event) else offset)
        names: list[str] = [channel.name for channel in client.channels.list("task.>")]
        text: str = client.invoke(capability="typed", prompt="hi").text()
        print(names, text)


async def test_it(realtime_server: RealtimeServer, fake_clock: FakeClock) -> None:
    async with realtime_server.serving(agent) as client:
        await fake_clock.advance(1)
        print(await client.invoke("TYPED", "hi").text())


asyncio.run(main())
"""

WRONG = """
from blackroad.client import Agent, Call, Client
from blackroad.client.sync import Client as SyncClient

agent = Agent(1)  # wrong


@agent.answer  # wrong
async def answer(call: Call) -> int:
    return len(call.text)


async def main() -> None:
    client = Client()
    await client.publish("room", object())  # wrong
    (await client.publish("room", "x")).offsets  # wrong
    client.subscribe("room", history="1")  # wrong
    client.presence("agent", status="there")  # wrong


def script(client: SyncClient) -> None:
    client.publish("room")  # wrong
    client.publish("room", "x").offsets  # wrong
    client.invoke("ECHO", "hi", deadline="5")  # wrong
    client.channels.create(1)  # wrong
"""

CHECKERS = {
    "mypy": ("mypy", "--strict", "--no-error-summary"),
    "pyright": ("basedpyright", "--pythonpath", sys.executable),
}


def check(folder: Path, code: str, words: Sequence[str]) -> tuple[set[int], str]:
    """Return the lines that a checker complains of, and what it says."""
    (folder / "user.py").write_text(code)
    (folder / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    run = subprocess.run(
        [str(Path(sys.executable).parent / words[0]), *words[1:], "user.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    said = run.stdout + run.stderr
    assert run.returncode in {0, 1}, said
    found = re.findall(r"user\.py:(\d+)(?::\d+)?(?: - |: )error", said)
    return set(map(int, found)), said


@pytest.mark.parametrize("words", CHECKERS.values(), ids=CHECKERS.keys())
def test_what_is_right_passes_and_what_is_wrong_is_found(
    words: Sequence[str], tmp_path: Path
) -> None:
    lines, said = check(tmp_path, RIGHT, words)
    assert lines == set(), said
    assert "error" not in said.replace("0 errors", ""), said
    wrong = {
        number for number, line in enumerate(WRONG.splitlines(), 1) if line.endswith("# wrong")
    }
    lines, said = check(tmp_path, WRONG, words)
    assert lines >= wrong, said
