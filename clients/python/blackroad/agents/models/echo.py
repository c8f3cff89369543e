"""builtin/echo: the model that needs nothing, and says what it is told."""

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence
from typing import Final

from blackroad.agents.models.patience import TimeUp
from blackroad.agents.models.text_model import ModelPart
from blackroad.agents.models.wishes import finished
from blackroad.client import Message, Options, Text, Usage

_WORD: Final = re.compile(r"\s*\S+|\s+\Z")


def words(text: str) -> list[str]:
    """Split a text into its words, each with the space before it; joined they are the text.

    What space is left at the end is a piece of its own.
    """
    return _WORD.findall(text)


class EchoModel:
    """Answers with exactly the text of the last user message, a word at a time.

    Usage counts words, those of instructions left out; so does `max_tokens`. With 0 words per
    second nothing is waited for.
    """

    def __init__(self, words_per_second: float) -> None:
        self._words_per_second = words_per_second

    async def answer(
        self, messages: Sequence[Message], options: Options, until: float | None = None
    ) -> AsyncGenerator[ModelPart]:
        """Yield the words, the first at once."""
        turns = (message.text for message in reversed(messages) if message.role == "user")
        said = words(next(turns, ""))
        asked = sum(len(turn.text.split()) for turn in messages if turn.role != "system")
        most = options.max_tokens or len(said)
        begin = asyncio.get_running_loop().time()
        for count, word in enumerate(said[:most]):
            await self._pace(begin, count, until)
            yield Text(word)
            yield Usage(asked, count + 1)
        usage = Usage(asked, min(most, len(said)))
        whole = len(said) <= most
        yield finished("stop" if whole else "length", "".join(said[:most]), options, usage)

    async def _pace(self, begin: float, count: int, until: float | None) -> None:
        """Wait until the word's time; by the clock, so that lateness does not add up."""
        if not self._words_per_second:
            return
        due = begin + count / self._words_per_second
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, min(due, until or due) - now))
        if until is not None and until < due:
            raise TimeUp
