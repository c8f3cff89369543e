"""What gRPC still says to an event loop that was closed: it is dropped, and harms no other loop."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Final, TypeVarTuple
from weakref import WeakSet

Ts = TypeVarTuple("Ts")

_DEAF: Final = WeakSet[asyncio.AbstractEventLoop]()


def drop_what_comes_late(loop: asyncio.AbstractEventLoop) -> None:
    """Let a loop take no offence at calls from other threads once it is closed. Idempotent.

    grpc.aio hands the last words of a call that was cancelled to the loop of that call, whichever
    loop hears them. asyncio raises where that one is closed by then, in the midst of what the other
    has heard, which loses the rest: a program that runs one loop after the other would hang.
    """
    if loop in _DEAF:
        return
    _DEAF.add(loop)
    call_soon = loop.call_soon_threadsafe

    def call_soon_threadsafe(
        callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if loop.is_closed():
            return asyncio.Handle(callback, args, loop, context)
        return call_soon(callback, *args, context=context)

    setattr(loop, "call_soon_threadsafe", call_soon_threadsafe)  # noqa: B010 - of this loop only
