"""The token that is shown: given once, or asked of a function whenever it runs out."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import orjson

from blackroad.client.environment import token_of
from blackroad.client.errors import Unauthenticated, Unavailable

TokenProvider: TypeAlias = Callable[[], Awaitable[str]]
"""Returns a token that is good now; asked again shortly before that one expires."""

# How long before its end a token is replaced; a quarter of what is left of it, if that is less.
MARGIN_SECONDS: Final = 30.0
# How often the wall clock is looked at: it may be set, and stands still while a machine sleeps.
LOOK_SECONDS: Final = 10.0
# So many tokens one after the other that are refused as expired: the provider has no better one.
_TRIES: Final = 3


class Tokens:
    """The token of one client. `expire` makes the next `renew` ask, whatever the token says.

    Raises Unauthenticated where the token that is given cannot be one.
    """

    def __init__(self, given: "str | TokenProvider | None") -> None:
        self._provider = given if callable(given) else None
        self.token = None if callable(given) else _checked(token_of(given))
        self._renew_at = float("-inf")
        self._asking = asyncio.Lock()
        self._refused = 0

    @property
    def renews(self) -> bool:
        """Whether there is somebody to ask for a fresh one."""
        return self._provider is not None

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with each call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    @property
    def due(self) -> bool:
        """Whether the token is to be replaced now."""
        return time.time() >= self._renew_at

    def expire(self) -> bool:
        """Forget that the token is good; False where asking for another has not helped."""
        if self._renew_at != float("-inf"):  # else another stream has said so
            self._refused += 1
        self._renew_at = float("-inf")
        return self._refused < _TRIES

    def worked(self) -> None:
        """Know that the core takes what the provider gives."""
        self._refused = 0

    async def ran_out(self, token: str | None) -> None:
        """Return when this token has to be replaced, or another one is in use already."""
        # The wall clock tells nobody when it gets somewhere.
        while token == self.token and (left := self._renew_at - time.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, LOOK_SECONDS))

    async def renew(self) -> None:
        """Ask for a fresh token where the present one is about to expire; once for all who wait.

        Raises Unavailable where the provider fails, Unauthenticated where it gives no token.
        """
        if self._provider is None or not self.due:
            return
        async with self._asking:
            if not self.due:
                return
            try:
                given = await self._provider()
            except Exception as error:
                text = f"no token is to be had: {error!r}"
                raise Unavailable("unavailable", text, retryable=True) from error
            self.token = _checked(given.strip())
            now = time.time()
            left = max(0.0, _expiry(given) - now)
            self._renew_at = now + max(left - MARGIN_SECONDS, left * 0.75)


def _checked(token: str | None) -> str | None:
    """Return a token that can be sent: gRPC takes another for a fault of its own."""
    if token is not None and not (token.isascii() and token.isprintable()):
        raise Unauthenticated("unauthenticated", "the token has characters that no token has")
    return token


def _expiry(token: str) -> float:
    """Return `exp` of a token, unverified; never, where it has none that can be read."""
    try:
        payload = token.split(".")[1]
        claims = orjson.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return float("inf")
