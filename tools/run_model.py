"""`make run-model`: everything, with a model of the user's own Ollama behind the agents."""

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import ollama

from blackroad.agents.models.registry import OLLAMA_DEFAULT
from blackroad.cli.output import CONSOLE, print_error
from blackroad.cli.parts import everything
from blackroad.cli.parts.up import Addresses
from blackroad.cli.settings.problems import SettingsError

DEFAULT: Final = "BLACKROAD_MODELS__DEFAULT"
LOOK_SECONDS: Final = 2.0
START_SECONDS: Final = 30.0
PROBLEMS: Final = (
    httpx.HTTPError,
    httpx.InvalidURL,
    ollama.ResponseError,
    OSError,
    ValueError,
)
QUESTION: Final = "Who are you?"

MISSING: Final = """\
There is no Ollama: nothing answers {where}, and `ollama` is not on PATH.

  get it         https://ollama.com/download
                 on Linux: curl -fsSL https://ollama.com/install.sh | sh
  or, elsewhere  OLLAMA_HOST=host:11434 make run-model
  or, without    make run    (the agents answer with what they are told)"""
EMPTY: Final = """\
Ollama runs, but has no model that can chat.

  get one        ollama pull {model}    (2 GB)
                 ollama pull smollm2:135m    (270 MB)"""


class NotThere(Exception):  # noqa: N818 - it says what happened
    """Something is missing; the text says how to get it."""


def listed() -> list[str] | None:
    """Return the models of the Ollama at OLLAMA_HOST; None where none answers."""
    try:
        models = ollama.Client(timeout=LOOK_SECONDS).list().models
    except PROBLEMS:
        return None
    return [each.model for each in models if each.model]


def chats(model: str) -> bool:
    """Tell whether a model writes text; one that only embeds does not."""
    try:
        capabilities = ollama.Client(timeout=LOOK_SECONDS).show(model).capabilities
    except PROBLEMS:
        return False
    return capabilities is None or "completion" in capabilities


def choice(models: Sequence[str], wanted: str, can_chat: Callable[[str], bool]) -> str:
    """Return the wanted model, else the usual one, else the first that can chat.

    Raises NotThere.
    """
    for name in (wanted.removeprefix("ollama/"), OLLAMA_DEFAULT):
        for spelt in (name, f"{name}:latest"):
            if name and spelt in models:
                return spelt
    for name in models:
        if can_chat(name):
            return name
    raise NotThere(EMPTY.format(model=OLLAMA_DEFAULT))


@contextmanager
def served() -> Generator[list[str]]:
    """Give the models of an Ollama that runs; one of PATH is started where none does, and ended.

    Raises NotThere.
    """
    models = listed()
    if models is not None:
        yield models
        return
    program = shutil.which("ollama")
    if program is None:
        where = f"at {os.environ.get('OLLAMA_HOST') or '127.0.0.1:11434'}"
        raise NotThere(MISSING.format(where=where))
    CONSOLE.print("Ollama is here but does not run: starting `ollama serve`.")
    # A session of its own: Ctrl-C is for us, and it ends when all else has ended.
    with subprocess.Popen(  # noqa: S603 - the user's own program
        [program, "serve"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            yield _started(process)
        finally:
            process.terminate()


def _started(process: subprocess.Popen[bytes]) -> list[str]:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        models = listed()
        if models is not None:
            return models
        time.sleep(0.1)
    raise NotThere("`ollama serve` does not answer: run it in a terminal, to see why.")


def explain(addresses: Addresses) -> None:
    """Print how to chat with LUCIDIA by command, HTTP and WebSocket."""
    http, grpc = addresses["http"], addresses["grpc"]
    url = "" if grpc == "127.0.0.1:50051" else f"BLACKROAD_URL=grpc://{grpc} "
    command = Path(sys.executable).with_name("blackroad")
    if command.is_relative_to(Path.cwd()):
        command = command.relative_to(Path.cwd())
    body = f'{{"agent": "LUCIDIA", "prompt": "{QUESTION}"}}'
    frame = f'{{"type": "agent.invoke", "agent": "LUCIDIA", "input": "{QUESTION}", "id": "1"}}'
    lines = (
        "Chat with LUCIDIA:",
        f"  {url}{shlex.quote(str(command))} chat LUCIDIA '{QUESTION}'",
        f"  curl -N http://{http}/v1/chat/stream -H 'content-type: application/json' -d '{body}'",
        f"  ws://{http}/ws/me, by any WebSocket client; send",
        f"    {frame}",
    )
    CONSOLE.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)


def main() -> int:
    """Run until a signal; return the exit status."""
    wanted = os.environ.get(DEFAULT, "")
    try:
        with served() as models:
            model = choice(models, wanted, chats)
            asked = wanted.removeprefix("ollama/")
            if asked and model not in (asked, f"{asked}:latest"):
                CONSOLE.print(f"{asked} is not there (`ollama pull {asked}`): taking {model}.")
            os.environ[DEFAULT] = f"ollama/{model}"
            return everything.run(sys.argv[1:], explain)
    except NotThere as missing:
        print_error(str(missing))
        return 1
    except SettingsError as wrong:
        print_error(str(wrong))
        return 2


if __name__ == "__main__":
    sys.exit(main())
