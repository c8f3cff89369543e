"""LiteLLM's proxy, of a release in an environment of its own, which is made when it is needed."""

import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.answers.provider import MODEL

RELEASE: Final = "litellm[proxy]==1.106.2"
HOME: Final = Path(__file__).parent.parent.parent / ".tools" / "litellm"
START_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.25
QUIET: Final = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it asks nobody for prices
    "LITELLM_LOG": "ERROR",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # keys cost time
}


class NotInstalled(Exception):  # noqa: N818 - it is what happened
    """The package could not be had; the text says why."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy of one process."""

    port: int
    pid: int


def installed() -> bool:
    """Say whether this release is there."""
    made = HOME / "release"
    return made.exists() and made.read_text() == RELEASE


async def install() -> None:
    """Make the environment; half a gigabyte and a minute or two. Raises `NotInstalled`."""
    if installed():
        return
    shutil.rmtree(HOME, ignore_errors=True)
    await _run(sys.executable, "-m", "venv", str(HOME))
    await _run(str(HOME / "bin/python"), "-m", "pip", "install", "--quiet", RELEASE)
    (HOME / "release").write_text(RELEASE)


async def _run(*command: str) -> None:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    _, said = await process.communicate()
    if process.returncode:
        raise NotInstalled(f"{' '.join(command)}: {said.decode()}")


@asynccontextmanager
async def proxy(provider_port: int) -> AsyncGenerator[Proxy]:
    """Run the proxy in front of a provider, as its documentation says, without a database."""
    model = {"model": f"ollama_chat/{MODEL}", "api_base": f"http://127.0.0.1:{provider_port}"}
    config = {
        "model_list": [{"model_name": MODEL, "litellm_params": model}],
        "litellm_settings": {"telemetry": False},
    }
    with tempfile.TemporaryDirectory() as folder:
        written = Path(folder) / "config.yaml"
        written.write_text(json.dumps(config))  # YAML has JSON in it
        port = _free_port()
        process = await asyncio.create_subprocess_exec(
            str(HOME / "bin/litellm"),
            *("--config", str(written), "--host", "127.0.0.1", "--port", str(port)),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=os.environ | QUIET,
            cwd=folder,
        )
        try:
            await _until_it_listens(process, port)
            yield Proxy(port, process.pid)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def _until_it_listens(process: asyncio.subprocess.Process, port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(LOOK_SECONDS)
        else:
            writer.close()
            return
    raise NotInstalled("LiteLLM's proxy did not start")
