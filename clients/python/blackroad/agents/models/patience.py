"""How long a provider is waited for: its first word, its silence, and the time that is left."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, TypeVar

from blackroad.agents.models.failures import too_slow
from blackroad.client import AnswerFailed

Item = TypeVar("Item")

_MOMENT_SECONDS: Final = 1.0


class TimeUp(Exception):  # noqa: N818 - it says what happened
    """The time that the caller gave is over."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds that a provider may take to connect, to begin, and between two words."""

    connect_seconds: float = 5.0
    first_token_seconds: float = 180.0
    silence_seconds: float = 120.0


async def patiently(
    provider: str, items: AsyncGenerator[Item], patience: Patience, until: float | None
) -> AsyncGenerator[Item]:
    """Yield the items, and close them however it ends, which closes the connection.

    Raises AnswerFailed where the provider is too slow, TimeUp at `until` of the loop's clock.
    """
    time = asyncio.get_running_loop().time
    begun = False
    async with aclosing(items):
        while True:
            allowed = time() + (patience.silence_seconds if begun else patience.first_token_seconds)
            hurried = until is not None and until < allowed
            limit = asyncio.timeout_at(until if hurried else allowed)
            try:
                async with limit:
                    item = await anext(items)
            except StopAsyncIteration:
                return
            except TimeoutError:
                if not limit.expired():
                    raise
                raise (TimeUp() if hurried else too_slow(provider, begun=begun)) from None
            yield item
            begun = True


async def read_out(items: AsyncGenerator[Item]) -> None:
    """Read what follows the last word, for a moment: only then is the connection used again."""
    with contextlib.suppress(TimeoutError, AnswerFailed, TimeUp):
        async with asyncio.timeout(_MOMENT_SECONDS):
            async for _ in items:
                pass
