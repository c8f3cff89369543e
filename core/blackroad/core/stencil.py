"""Messages that are filled again and again: setting fields costs half of making a message."""

from collections.abc import Callable
from typing import Generic, TypeVar

USES = 64

Filled = TypeVar("Filled")


class Stencil(Generic[Filled]):
    """Hands out one message many times; whoever takes it sets the same fields as all others.

    It may be made with parts of it that are set each time, so that nobody looks them up again.
    A message keeps the bytes of every string that it was ever given until it goes, so it is made
    anew every 64 uses.
    """

    __slots__ = ("_left", "_make", "_message")

    def __init__(self, make: Callable[[], Filled]) -> None:
        self._make = make
        self._message = make()
        self._left = USES

    def take(self) -> Filled:
        """Return what was made, to be filled and serialized before the next call."""
        if not self._left:
            self._message = self._make()
            self._left = USES
        self._left -= 1
        return self._message
