"""Whose turn it is in a conversation that many nodes share: one answer's at a time."""

from collections.abc import Awaitable, Callable, Coroutine
from hashlib import sha256
from typing import Final, NamedTuple

from blackroad.core.errors import Code, Rejection
from blackroad.core.ids import stream_id
from blackroad.core.log.shelf import Shelf
from blackroad.core.stream.journal import Journal

TRIES: Final = 5


class Turn(NamedTuple):
    """What an answer holds while it is the one in progress: its place on the shelf."""

    stream_id: str
    name: str
    offset: int


class SharedTurns:
    """Turns lie on a shelf, one for each conversation: the id of the answer that has it.

    A turn lasts as long as some node says that its answer is in progress. So one that was not given
    back, since its node went, is another's when it is asked for.
    """

    def __init__(
        self,
        shelf: Shelf,
        journal: Journal,
        answering: Callable[[str, str], Awaitable[bool]],
        soon: Callable[[Coroutine[object, object, None]], None],
        seconds: float,
    ) -> None:
        self.begun: set[str] = set()  # by answers' ids: turns of answers that are being made here
        self._shelf = shelf
        self._journal = journal
        self._answering = answering
        self._soon = soon
        self._seconds = seconds

    async def take(self, key: str) -> Turn:
        """Have the turn in a conversation for a new answer, which is in `begun` from then on.

        CONVERSATION_BUSY; also raises what the log says.
        """
        name = sha256(key.encode()).hexdigest()
        identifier = stream_id()
        self.begun.add(identifier)
        try:
            return Turn(identifier, name, await self._take(key, name, identifier))
        except BaseException:
            self.begun.discard(identifier)
            raise

    async def _take(self, key: str, name: str, identifier: str) -> int:
        tenant = key.partition(".")[0]
        for _ in range(TRIES):
            present = await self._shelf.look(name)
            if present.value and await self._answering(tenant, present.value.decode()):
                raise Rejection(Code.CONVERSATION_BUSY)
            value = identifier.encode()
            offset = await self._shelf.swap(name, present.offset, value, self._seconds)
            if offset is not None:
                return offset
        raise Rejection(Code.CONVERSATION_BUSY)

    def leave(self, turn: Turn) -> None:
        """Give a turn back, once all that was said in it is in the log. Never blocks."""
        self.begun.discard(turn.stream_id)
        self._soon(self._leave(turn))

    async def _leave(self, turn: Turn) -> None:
        await self._journal.written()
        try:
            await self._shelf.take(turn.name, turn.offset)
        except Rejection:
            return  # whoever asks for it finds that its answer is over
