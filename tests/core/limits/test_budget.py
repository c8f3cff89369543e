"""One budget for all queues: the largest sheds first, and all of it comes back."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from blackroad.core.limits.budget import Budget
from blackroad.core.log.entry import Positions
from blackroad.core.outbox import Outbox

KIB = 1024


@dataclass(eq=False)
class Frame:
    """Live events of a size."""

    size: int
    after: Positions = ()
    alone: bool = False

    @property
    def response(self) -> bytes:
        return bytes(self.size)

    def joined(self, others: Sequence["Frame"]) -> bytes:
        return bytes(self.size + sum(other.size for other in others))


class Queue:
    """An outbox, and what happened to it."""

    def __init__(self, budget: Budget) -> None:
        self.dropped = 0
        self.ended = False
        self.outbox: Outbox[Frame] = Outbox(b"".join, self._overflow, 1 << 20, budget)
        self.outbox.exhausted = self._end

    def _overflow(self, frame: Frame) -> None:
        self.dropped += frame.size + sum(one.size for one in self.outbox.drop_live())
        self.outbox.put(b"lagging")

    def _end(self) -> None:
        self.ended = True
        self.outbox.put(b"closing")


def filled(budget: Budget, make: Callable[[int], bytes | Frame], *sizes: int) -> list[Queue]:
    queues: list[Queue] = []
    for size in sizes:
        queue = Queue(budget)
        for _ in range(size // KIB):
            queue.outbox.put(make(KIB))
        queues.append(queue)
    return queues


async def test_the_largest_queue_sheds_first_and_the_others_keep_theirs() -> None:
    budget = Budget(1000 * KIB)
    small, large, middle = filled(budget, Frame, 100 * KIB, 600 * KIB, 299 * KIB)
    assert not budget.used_up
    small.outbox.put(Frame(2 * KIB))
    assert budget.used_up
    await asyncio.sleep(0)
    assert (small.dropped, large.dropped, middle.dropped) == (0, 600 * KIB, 0)
    assert not budget.used_up
    assert budget.total == small.outbox.size + large.outbox.size + middle.outbox.size


async def test_a_queue_without_live_events_is_ended_instead() -> None:
    budget = Budget(1000 * KIB)
    pages, live = filled(budget, bytes, 600 * KIB)[0], filled(budget, Frame, 500 * KIB)[0]
    await asyncio.sleep(0)
    assert pages.ended
    assert not live.dropped
    assert await pages.outbox.take() == b"closing"


async def test_while_it_is_used_up_pages_are_read_for_empty_queues_only() -> None:
    budget = Budget(100 * KIB)
    idle, busy = Queue(budget).outbox, filled(budget, Frame, 100 * KIB)[0].outbox
    assert idle.half_empty
    assert busy.half_empty
    busy.put(Frame(KIB))
    assert idle.half_empty
    assert not busy.half_empty


async def test_all_of_it_comes_back() -> None:
    budget = Budget(1 << 30)
    chance = random.Random(5)
    queues = [Queue(budget) for _ in range(20)]
    for _ in range(2000):
        outbox = chance.choice(queues).outbox
        if chance.random() < 0.7:
            outbox.put(Frame(chance.randrange(KIB)) if chance.random() < 0.5 else b"answer")
        elif outbox.size:
            await outbox.take()
        assert budget.total == sum(queue.outbox.size for queue in queues)
    for queue in queues:
        queue.outbox.forget()
        queue.outbox.forget()
    assert budget.total == 0
