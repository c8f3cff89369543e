"""One answer, read without `async`."""

from typing import Self

from blackroad.client import answer
from blackroad.client.parts import Part
from blackroad.client.sync.background import BACKGROUND
from blackroad.client.sync.twin import Twin, next_of, waits


class Answer(Twin[answer.Answer]):
    """The parts of one answer, in order; ends after Finished or Cancelled, or raises.

    It is sent when it is first waited for. To stop iterating cancels nothing: `cancel` does, also
    from another thread while this one iterates.
    """

    started = waits(answer.Answer.started)
    text = waits(answer.Answer.text)
    cancel = waits(answer.Answer.cancel)
    reply = waits(answer.Answer.reply)

    @property
    def stream_id(self) -> str:
        """Its id, which others can join; empty before it has one."""
        return self.twin.stream_id

    @property
    def cursor(self) -> str:
        """Where to join it again."""
        return self.twin.cursor

    @property
    def agent(self) -> str:
        """Who answers; empty before it is known."""
        return self.twin.agent

    @property
    def model(self) -> str:
        """The model behind it, where it is told."""
        return self.twin.model

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Part:
        for part in BACKGROUND.run(next_of(self.twin)):
            return part
        raise StopIteration

    def __enter__(self) -> Self:
        """Send it, and wait until it has an id."""
        self.started()
        return self

    def __exit__(self, *_: object) -> None:
        """Look at it no more; it goes on."""
        self.close()

    def close(self) -> None:
        """Look at the answer no more; it goes on. Idempotent."""
        BACKGROUND.run(_close(self.twin))


async def _close(twin: answer.Answer) -> None:
    twin.close()
