"""An installation with keys: its tokens, and a core and edges that start and end by themselves."""

import itertools
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

import jwt

from tests.processes import Part, part

SECRET: Final = "a journey's secret of 32 bytes at least"
ALL: Final = ("subscribe", "publish", "presence", "invoke", "serve", "manage")
_numbers = itertools.count(1)


def token(
    subject: str,
    *patterns: str,
    kind: str = "user",
    jti: str = "",
    seconds: float = 600,
    actions: Sequence[str] = ALL,
    tenant: str = "default",
) -> str:
    """Return a token for these patterns, else for everything."""
    now = time.time()
    claims = {
        "tenant": tenant,
        "sub": subject,
        "kind": kind,
        "jti": jti or f"j{next(_numbers)}",
        "iat": int(now) - 1,
        "exp": int(now + seconds),
        "grants": [
            {"pattern": pattern, "actions": list(actions)}
            for pattern in patterns or (">", "system.>", "presence.>")
        ],
    }
    return jwt.encode(claims, SECRET, algorithm="HS256")


def bearer(shown: str) -> dict[str, str]:
    """Return the header that shows a token."""
    return {"authorization": f"Bearer {shown}"}


@contextmanager
def core(address: str = "127.0.0.1:0", **settings: str) -> Generator[Part]:
    """Run a core with keys."""
    with part("core", GRPC=address, AUTH__SECRET=SECRET, **settings) as started:
        yield started


@contextmanager
def edge(core: Part, address: str = "127.0.0.1:0", **settings: str) -> Generator[Part]:
    """Run an edge of this core."""
    shown = token("edge", kind="gateway")
    with part(
        "edge", HTTP=address, CORE=core.addresses["grpc"], TOKEN=shown, **settings
    ) as started:
        yield started
