"""What is elsewhere: the core that clients are to find, and the models' providers."""

import asyncio
import os
from collections.abc import Iterator
from typing import Final

from blackroad.agents.models.anthropic.provider import CREDENTIALS
from blackroad.agents.models.patience import Patience
from blackroad.agents.settings import AgentsSettings
from blackroad.cli.commands.doctor.finding import Finding, Patient
from blackroad.cli.settings.parts import ClientPart
from blackroad.cli.settings.read import read
from blackroad.client import Client, InvalidAddress, RealtimeError, Unauthenticated, Unavailable

_SECONDS: Final = 2.0


def check_url(patient: Patient) -> Iterator[Finding]:
    """Find a core or edge that clients are sent to, and that is not there."""
    part = read(ClientPart, patient.values)
    if not part.url:
        return  # the local `up`, whose address is looked at anyway
    try:
        asyncio.run(_ask(part.url, part.token))
    except InvalidAddress as error:
        fix = "BLACKROAD_URL=grpc://host:50051 is a core, http://host:8080 an edge"
        yield Finding("url", False, str(error), fix)
    except Unavailable as error:
        fix = (
            "start it, or set BLACKROAD_URL: grpc:// for a core, http:// for an edge, "
            "grpcs:// and https:// where it has TLS"
        )
        yield Finding("url", False, str(error), fix)
    except Unauthenticated as error:
        fix = "BLACKROAD_TOKEN says who you are: `blackroad token SUBJECT`"
        yield Finding("url", False, f"{part.url}: {error}", fix)
    except RealtimeError as error:
        yield Finding("url", True, f"{part.url} answers ({error.code})")
    else:
        yield Finding("url", True, f"{part.url} answers")


async def _ask(url: str, token: str) -> None:
    async with Client(url, token or None, timeout_seconds=_SECONDS) as client:
        await client.presence("agent", "ECHO")


def check_models(patient: Patient) -> Iterator[Finding]:
    """Find a default model that nobody can answer by."""
    default = read(AgentsSettings, patient.values).models.default
    if default is None:
        yield Finding("models", True, "builtin/echo, or llama3.2:3b where a local Ollama has it")
        return
    provider, _, name = default.rpartition("/")
    match provider:
        case "anthropic" if not any(os.environ.get(each) for each in CREDENTIALS):
            fix = "set ANTHROPIC_API_KEY for `blackroad agents` and `up`"
            yield Finding("models", False, f"{default}: there is no key", fix)
        case "ollama" | "":
            yield asyncio.run(_ollama(name))
        case "anthropic" | "builtin":
            yield Finding("models", True, default)
        case _:
            fix = "names are ollama/…, anthropic/… and builtin/echo"
            yield Finding("models", False, f"{default}: nobody provides that", fix)


async def _ollama(name: str) -> Finding:
    from blackroad.agents.models.ollama.provider import OllamaProvider

    provider = OllamaProvider(Patience(_SECONDS, _SECONDS, _SECONDS), 1)
    where = os.environ.get("OLLAMA_HOST") or "127.0.0.1:11434"
    try:
        listed = await provider.models()
    finally:
        await provider.close()
    if listed is None:
        fix = "start it (`ollama serve`), or say by OLLAMA_HOST where it is"
        return Finding("models", False, f"no Ollama answers at {where}", fix)
    if name not in listed and f"{name}:latest" not in listed:
        text = f"the Ollama at {where} has no {name}"
        return Finding("models", False, text, f"`ollama pull {name}`")
    return Finding("models", True, f"ollama/{name} at {where}")
