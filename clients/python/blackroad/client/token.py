"""The token that is shown: given once, or asked of a function whenever it runs out."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import orjson

from blackroad.client.environment import token_of
from blackroad.client.errors import Unavailable

TokenProvider: TypeAlias = Callable[[], Awaitable[str]]
"""Returns a token that is good now; asked again shortly before that one expires."""

# How long before its end a token is replaced; a quarter of what is left of it, if that is less.
MARGIN_SECONDS: Final = 30.0


class Tokens:
    """The token of one client. `expire` makes the next `renew` ask, whatever the token says."""

    def __init__(self, given: "str | TokenProvider | None") -> None:
        self._provider = given if callable(given) else None
        self._token = None if callable(given) else token_of(given)
        self._renew_at = float("-inf")
        self._asking = asyncio.Lock()

    @property
    def renews(self) -> bool:
        """Whether there is somebody to ask for a fresh one."""
        return self._provider is not None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with each call."""
        return (("authorization", f"Bearer {self._token}"),) if self._token else ()

    def expire(self) -> None:
        """Forget that the token is good."""
        self._renew_at = float("-inf")

    async def renew(self) -> None:
        """Ask for a fresh token where the present one is about to expire; once for all who wait.

        Raises Unavailable where the provider fails.
        """
        if self._provider is None or time.time() < self._renew_at:
            return
        async with self._asking:
            if time.time() < self._renew_at:
                return
            try:
                self._token = await self._provider()
            except Exception as error:
                text = f"no token is to be had: {error!r}"
                raise Unavailable("unavailable", text, retryable=True) from error
            now = time.time()
            left = max(0.0, _expiry(self._token) - now)
            self._renew_at = now + max(left - MARGIN_SECONDS, left * 0.75)


def _expiry(token: str) -> float:
    """Return `exp` of a token, unverified; never, where it has none that can be read."""
    try:
        payload = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return float("inf")
