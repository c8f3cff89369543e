"""What all queues hold together: the largest pay, and enough of them at once."""

from blackroad.edge.fanout import Budget

HOLDERS = 1000


class Queue:
    """Holds so much, until it must not."""

    looked_up = 0

    def __init__(self, budget: Budget, size: int) -> None:
        self.size = size
        self._budget = budget
        budget.hold(self, size)

    def __hash__(self) -> int:
        Queue.looked_up += 1
        return id(self)

    def shed(self) -> None:
        """Give it up, as a receiver does."""
        self.size = 0
        self._budget.hold(self, 0)


def test_when_all_wait_alike_an_eighth_is_freed_at_once() -> None:
    budget = Budget(limit=HOLDERS)
    queues = [Queue(budget, 1) for _ in range(HOLDERS + 1)]
    assert budget.total == HOLDERS - HOLDERS // 8
    assert sum(queue.size for queue in queues) == budget.total


def test_those_who_hold_little_keep_it() -> None:
    budget = Budget(limit=HOLDERS)
    small = [Queue(budget, 1) for _ in range(100)]
    large = [Queue(budget, 100) for _ in range(10)]
    assert all(queue.size for queue in small)
    assert budget.total == sum(queue.size for queue in large) + len(small) <= HOLDERS


def test_a_thousand_slow_ones_do_not_search_each_other_again_and_again() -> None:
    budget = Budget(limit=10 * HOLDERS)
    queues = [Queue(budget, 1) for _ in range(HOLDERS)]
    Queue.looked_up = 0
    rounds = 30
    for _ in range(rounds):
        for queue in queues:
            queue.size += 1
            budget.hold(queue, queue.size)
    assert Queue.looked_up < 20 * rounds * HOLDERS
