"""LiteLLM's proxy, in an environment of its own."""

import asyncio
import json
import os
import socket
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.answers.provider import MODEL
from benchmarks.peers.environment import Environment, NotInstalled

ENVIRONMENT: Final = Environment("litellm", ("litellm[proxy]==1.106.2",))
START_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.25
QUIET: Final = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # it asks nobody for prices
    "LITELLM_LOG": "ERROR",
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",  # keys cost time
}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A running proxy of one process."""

    port: int
    pid: int


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
            str(ENVIRONMENT.bin / "litellm"),
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
