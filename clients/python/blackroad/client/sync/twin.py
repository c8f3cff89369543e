"""How a synchronous class is made of its asynchronous twin, whose signatures it keeps."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import wraps
from typing import Concatenate, Final, Generic, ParamSpec, TypeVar

from blackroad.client.sync.background import BACKGROUND

A = TypeVar("A")
B = TypeVar("B")
P = ParamSpec("P")
R = TypeVar("R")


class Twin(Generic[A]):
    """Something with an asynchronous twin that does the work."""

    def __init__(self, twin: A) -> None:
        self.twin: Final = twin


def waits(
    method: Callable[Concatenate[A, P], Coroutine[object, object, R]],
) -> Callable[Concatenate[Twin[A], P], R]:
    """Return a method that waits for the twin's."""

    @wraps(method)
    def wait(self: Twin[A], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return BACKGROUND.run(method(self.twin, *args, **kwargs))

    return wait


def iterates(
    method: Callable[Concatenate[A, P], AsyncIterator[R]],
) -> Callable[Concatenate[Twin[A], P], Iterator[R]]:
    """Return a method that iterates what the twin's does."""

    @wraps(method)
    def iterate(self: Twin[A], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        items = method(self.twin, *args, **kwargs)
        while found := BACKGROUND.run(next_of(items)):
            yield from found

    return iterate


def makes(
    method: Callable[Concatenate[A, P], B], kind: Callable[[B], R]
) -> Callable[Concatenate[Twin[A], P], R]:
    """Return a method that makes something synchronous of what the twin's makes."""

    @wraps(method)
    def make(self: Twin[A], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return kind(method(self.twin, *args, **kwargs))

    return make


async def next_of(items: AsyncIterator[R]) -> list[R]:
    """Return the next item in a list; an empty one at the end."""
    try:
        return [await anext(items)]
    except StopAsyncIteration:
        return []
