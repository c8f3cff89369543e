"""Messages that are filled again and again: setting fields costs half of making a message."""

from collections.abc import Callable, Iterator
from typing import TypeVar

USES = 64

Filled = TypeVar("Filled")


def stencil(make: Callable[[], Filled]) -> Iterator[Filled]:
    """Yield one message many times, each time to be filled and serialized before the next.

    Whoever takes it sets the same fields as all others. It may be made with parts of it that are
    set each time, so that nobody looks them up again. A message keeps the bytes of every string
    that it was ever given until it goes, so it is made anew every 64 uses.
    """
    while True:
        message = make()
        for _ in range(USES):
            yield message
