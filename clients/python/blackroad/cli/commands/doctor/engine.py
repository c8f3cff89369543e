"""The log's engine: whether it answers, keeps what it is given, and has our time."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

from blackroad.cli.commands.doctor.finding import Finding, Patient
from blackroad.cli.settings.problems import shown
from blackroad.cli.settings.read import read
from blackroad.core.log.engine import EMBEDDED, MEMORY
from blackroad.core.log.redis.address import read_address
from blackroad.core.log.redis.embedded import NoServerError, server_binary
from blackroad.core.log.redis.link import AwayError, Link, RefusedError, Reply
from blackroad.core.log.redis.places import places_of
from blackroad.core.settings import CoreSettings

# Leases and tokens hold by seconds.
_SKEW_SECONDS: Final = 2.0
_FULL: Final = 0.9  # of maxmemory


def check_engine(patient: Patient) -> Iterator[Finding]:
    """Find an engine that cannot be reached, or loses what it is given."""
    core = read(CoreSettings, patient.values)
    if core.log == MEMORY:
        text = f"{MEMORY}: in this process, so a restart of the core loses the log"
        yield Finding("engine", True, text)
    elif core.log.startswith(EMBEDDED):
        yield _embedded(Path(core.log.removeprefix(EMBEDDED)))
    else:
        yield from asyncio.run(_all(_server(core.log, core.engine.prefix)))


def _embedded(folder: Path) -> Finding:
    try:
        server_binary()
    except NoServerError as error:
        return Finding("engine", False, str(error), "pip install 'blackroad-realtime[embedded]'")
    place = next(each for each in (folder.absolute(), *folder.absolute().parents) if each.exists())
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        return Finding("engine", False, f"{place} cannot be written to", "choose another folder")
    return Finding("engine", True, f"a server of its own, in {folder}")


async def _all(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [finding async for finding in findings]


async def _server(address: str, prefix: str) -> AsyncIterator[Finding]:
    link = Link(places_of(read_address(address), prefix), 0)
    name = shown(("log",), address)
    try:
        await link.connect()
        yield Finding("engine", True, f"{name} answers")
        async for finding in _state(link):
            yield finding
    except (AwayError, RefusedError) as error:
        text = f"{name}: {error}"
        words = str(error).lower()
        fix = "is it running, and is that its address? BLACKROAD_LOG says which is meant"
        if "permission" in words:
            fix = "give its user the rights that docs/fleet.md names"
        elif "auth" in words or "password" in words:
            fix = "write user and password into the address: redis://user:password@host:port"
        yield Finding("engine", False, text, fix)
    finally:
        await link.close()


async def _state(link: Link) -> AsyncIterator[Finding]:
    memory = await _memory(link)
    limit, policy = int(memory.get("maxmemory", 0)), memory.get("maxmemory_policy", "")
    if limit and policy != "noeviction":
        text = f"it throws away what it was given when it is full (maxmemory-policy {policy})"
        fix = "`redis-cli config set maxmemory-policy noeviction`, and in its configuration"
        yield Finding("eviction", False, text, fix)
    used = int(memory.get("used_memory", 0))
    if limit and used > _FULL * limit:
        text = f"its memory is full, or nearly: {used >> 20} of {limit >> 20} MiB"
        fix = "raise its maxmemory; what takes how much is in docs/scaling.md"
        yield Finding("memory", False, text, fix)
    before = time.time()
    answer = await link.call("TIME")
    if isinstance(answer, list):
        seconds, micros = (float(_text(each)) for each in answer[:2])
        off = abs(seconds + micros / 1e6 - (before + time.time()) / 2)
        text = f"this machine and the engine's differ by {off:.1f} s"
        yield Finding("time", off <= _SKEW_SECONDS, text, "set both by NTP")


async def _memory(link: Link) -> dict[str, str]:
    """Return what the server tells of its memory: whoever may use it may ask for that."""
    lines = _text(await link.call("INFO", "memory")).splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _text(reply: Reply) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)
