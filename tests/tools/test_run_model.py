"""`make run-model` with and without an Ollama, with and without models."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.agents.models.peer import Peer, Reply
from tests.processes import ROOT, Process, environ
from tools.run_model import NotThere, choice

PROGRAM = [sys.executable, str(ROOT / "tools" / "run_model.py")]


@pytest.mark.parametrize(
    ("models", "wanted", "expected"),
    [
        (["a:1b", "llama3.2:3b"], "", "llama3.2:3b"),
        (["a:1b", "llama3.2:3b"], "ollama/a:1b", "a:1b"),
        (["b:latest", "llama3.2:3b"], "b", "b:latest"),
        (["embed:1b", "a:1b"], "gone:7b", "a:1b"),
    ],
)
def test_a_model_that_is_there_is_chosen(models: list[str], wanted: str, expected: str) -> None:
    assert choice(models, wanted, lambda name: "embed" not in name) == expected


@pytest.mark.parametrize("models", [[], ["embed:1b"]])
def test_without_one_that_chats_it_says_how_to_get_one(models: list[str]) -> None:
    with pytest.raises(NotThere, match=r"ollama pull llama3\.2:3b"):
        choice(models, "", lambda name: "embed" not in name)


@asynccontextmanager
async def running(address: str, folder: Path) -> AsyncGenerator[Process]:
    """Run it on a machine that has no program but Python."""
    settings = environ(HTTP="127.0.0.1:0", GRPC="127.0.0.1:0")
    settings |= {"OLLAMA_HOST": address, "PATH": str(folder), "COLUMNS": "200"}
    process = Process(PROGRAM, settings)
    try:
        yield process
    finally:
        await asyncio.to_thread(process.kill)


async def test_without_ollama_it_says_how_to_get_it(tmp_path: Path) -> None:
    async with running("127.0.0.1:9", tmp_path) as process:
        assert await asyncio.to_thread(process.wait) == 1
        assert "https://ollama.com/download" in process.output
        assert "127.0.0.1:9" in process.output


async def test_without_a_model_it_says_how_to_get_one(tmp_path: Path) -> None:
    async with (
        Peer(Reply.json({"models": []})) as peer,
        running(peer.address, tmp_path) as process,
    ):
        assert await asyncio.to_thread(process.wait) == 1
        assert "ollama pull llama3.2:3b" in process.output


@pytest.mark.slow
async def test_an_ollama_of_the_path_is_started_and_ended(tmp_path: Path) -> None:
    program = tmp_path / "ollama"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    async with running("127.0.0.1:9", tmp_path) as process:
        assert await asyncio.to_thread(process.wait) == 1
        assert "starting `ollama serve`" in process.output
        assert "does not answer" in process.output


@pytest.mark.slow
async def test_with_a_model_everything_starts_and_says_how_to_chat(tmp_path: Path) -> None:
    reply = Reply.json({"models": [{"name": "a:1b", "model": "a:1b"}], "model_info": {}})
    async with Peer(reply) as peer, running(peer.address, tmp_path) as process:
        shown = process.wait_for
        frame = await asyncio.to_thread(shown, r"(\{\"type\": \"agent.invoke\".*\})")
        assert json.loads(frame)["agent"] == "LUCIDIA"
        assert "chat LUCIDIA" in process.output
        assert "/v1/chat/stream" in process.output
        assert await asyncio.to_thread(shown, r"Default model\s+(\S+)") == "ollama/a:1b"
        process.signal(signal.SIGINT)
        assert await asyncio.to_thread(process.wait, 30) == 0
