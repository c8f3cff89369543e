"""Questions from node to node, over the log: each node reads a channel of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec

from blackroad.core.errors import Code, Rejection
from blackroad.core.fleet.words import ANSWER, ASK, Answer, Ask, append_of, inbox
from blackroad.core.log.base import Append, Log

ASK_SECONDS: Final = 3.0
MAX_PENDING: Final = 10_000
PIECE_BYTES: Final = 512 << 10
MAX_BYTES: Final = 8 << 20

Handler = Callable[[bytes], Awaitable[bytes]]


class Asks:
    """Asks others, and answers them. A question is handled at most once, and may go unanswered."""

    def __init__(self, log: Log, node: str) -> None:
        self.node = node
        self.handlers: dict[str, Handler] = {}
        self._log = log
        self._number = 0
        self._pending: dict[int, tuple[str, asyncio.Future[bytes]]] = {}
        self._pieces: dict[tuple[str, int], bytearray] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def ask(
        self, node: str, kind: str, question: bytes, seconds: float = ASK_SECONDS
    ) -> bytes:
        """Return a node's answer, or raise its `Rejection`.

        UNAVAILABLE where it was certainly not asked; UNKNOWN where it may have been, and went or
        did not answer in time.
        """
        if len(self._pending) >= MAX_PENDING:
            raise Rejection(Code.UNAVAILABLE, "too much is being asked of other nodes")
        self._number += 1
        number = self._number
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._pending[number] = node, future
        try:
            async with asyncio.timeout(seconds):
                await self._send(
                    [
                        append_of(inbox(node), ASK, Ask(self.node, number, kind, piece, last))
                        for piece, last in _pieces(question)
                    ]
                )
                return await future
        except TimeoutError:
            raise Rejection(Code.UNKNOWN, "another node did not answer in time") from None
        finally:
            del self._pending[number]

    async def ask_each(
        self, nodes: Sequence[str], kind: str, question: bytes, seconds: float = ASK_SECONDS
    ) -> list[bytes]:
        """Return the answers of those nodes that give one."""
        asked = [self.ask(node, kind, question, seconds) for node in nodes]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException) and not isinstance(answer, Rejection):
                raise answer
        return [answer for answer in answers if isinstance(answer, bytes)]

    def lose(self, node: str) -> None:
        """Give up what a node was asked: it is gone."""
        for asked, future in self._pending.values():
            if asked == node and not future.done():
                future.set_exception(Rejection(Code.UNKNOWN, "the other node was lost"))
        for key in [key for key in self._pieces if key[0] == node]:
            del self._pieces[key]

    def take_ask(self, data: bytes) -> None:
        """Take up a question to this node."""
        ask = msgspec.msgpack.decode(data, type=Ask)
        whole = self._gathered(ask.node, ask.number, ask.piece, last=ask.last)
        if whole is not None and len(self._tasks) < MAX_PENDING:
            task = asyncio.create_task(self._handle(ask, whole))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def take_answer(self, data: bytes) -> None:
        """Take up an answer to this node."""
        answer = msgspec.msgpack.decode(data, type=Answer)
        _, future = self._pending.get(answer.number, ("", None))
        whole = self._gathered("", answer.number, answer.piece, last=answer.last)
        if whole is None or future is None or future.done():
            return
        if answer.code:
            future.set_exception(Rejection(Code(answer.code), answer.message))
        else:
            future.set_result(whole)

    async def close(self) -> None:
        """End what is being answered. Idempotent."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _handle(self, ask: Ask, question: bytes) -> None:
        try:
            handler = self.handlers.get(ask.kind)
            if handler is None:
                raise Rejection(Code.UNIMPLEMENTED, "this node does not know the question")
            answered = await handler(question)
            words = [Answer(ask.number, piece, last) for piece, last in _pieces(answered)]
        except Rejection as rejection:
            words = [Answer(ask.number, b"", True, rejection.code.value, rejection.message)]
        await self._log.append([append_of(inbox(ask.node), ANSWER, word) for word in words])

    async def _send(self, appends: Sequence[Append]) -> None:
        for answer in await self._log.append(appends):
            if isinstance(answer, Rejection):
                raise answer

    def _gathered(self, node: str, number: int, piece: bytes, *, last: bool) -> bytes | None:
        """Return the whole where this is its last piece."""
        if last and (node, number) not in self._pieces:
            return piece
        gathered = self._pieces.setdefault((node, number), bytearray())
        gathered += piece
        if len(gathered) > MAX_BYTES:
            gathered.clear()
        if not last:
            return None
        return bytes(self._pieces.pop((node, number)))


def _pieces(text: bytes) -> list[tuple[bytes, bool]]:
    cuts = [text[at : at + PIECE_BYTES] for at in range(0, len(text), PIECE_BYTES)] or [b""]
    return [(cut, at == len(cuts) - 1) for at, cut in enumerate(cuts)]
