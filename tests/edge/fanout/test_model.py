"""Any order of joining, leaving, publishing and slowness, against a simple model."""

import asyncio
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from blackroad.edge.fanout import Budget, Fanout
from tests.edge.fanout.rig import Session, render
from tests.effort import examples

RECEIVERS = 3
NUMBERS = 4

OWED = 0
"""Stands for a number that was lost later than the event."""

Step = tuple[str, int, int]
who = st.integers(0, RECEIVERS - 1)
number = st.integers(1, NUMBERS)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(0, 2**NUMBERS - 1), st.just(0)),
        st.tuples(st.just("publish"), st.integers(0, 2**NUMBERS - 1), st.just(0)),
        st.tuples(st.sampled_from(["join", "hold", "part", "release"]), who, number),
        st.tuples(st.sampled_from(["block", "unblock", "send"]), who, st.just(0)),
        st.tuples(st.sampled_from(["turn", "flush", "advance"]), st.just(0), st.just(0)),
    ),
    max_size=60,
)


class Model:
    """What each receiver ought to get."""

    def __init__(self, budget: Budget) -> None:
        self.fanout: Fanout[int, str] = Fanout(render, budget)
        renderings = ["e", "e", "f"]
        self.sessions = [Session(self.fanout, rendering) for rendering in renderings]
        self.joined: list[dict[int, int]] = [{} for _ in self.sessions]
        self.matched: list[dict[int, set[int]]] = [{} for _ in self.sessions]
        self.excused: list[set[int]] = [set() for _ in self.sessions]
        self.sent: list[list[str]] = [[] for _ in self.sessions]
        self.told = [0 for _ in self.sessions]
        self.last = 0

    def publish(self, mask: int, _: int) -> None:
        self.last += 1
        numbers = [n for n in range(1, NUMBERS + 1) if mask & 1 << n - 1]
        for joined, matched in zip(self.joined, self.matched, strict=True):
            if common := joined.keys() & set(numbers):
                matched[self.last] = set(common)
        self.fanout.publish(self.last, numbers, str(self.last))

    def join(self, who: int, number: int, held: bool = False) -> None:
        if number not in self.joined[who]:
            self.fanout.join(self.sessions[who].receiver, number, held=held)
            self.hear()
            self.joined[who][number] = self.last

    def hold(self, who: int, number: int) -> None:
        self.join(who, number, held=True)

    def part(self, who: int, number: int) -> None:
        """Leave; what was queued for the number may be dropped from now on."""
        if number in self.joined[who]:
            self.fanout.part(self.sessions[who].receiver, number)
            self.hear()
            self.joined[who].pop(number, None)
            for matched in self.matched[who].values():
                if number in matched:
                    matched.discard(number)
                    matched.add(-number)

    def release(self, who: int, number: int) -> None:
        self.sessions[who].receiver.release(number)

    def block(self, who: int, _: int) -> None:
        self.sessions[who].blocked = True

    def unblock(self, who: int, _: int) -> None:
        self.sessions[who].unblock()

    def send(self, who: int, _: int) -> None:
        text = f"s{len(self.sent[who])}"
        self.sent[who].append(text)
        self.sessions[who].receiver.send(text.encode() + b";")

    def flush(self, *_: int) -> None:
        self.fanout.flush()

    def advance(self, *_: int) -> None:
        self.fanout.advance(str(self.last))

    def hear(self) -> None:
        """Take in what owners were told since the last step."""
        for who, session in enumerate(self.sessions):
            for lost in session.overflows[self.told[who] :]:
                self._lose(who, session, lost)
            self.told[who] = len(session.overflows)

    def _lose(self, who: int, session: Session, lost: dict[int, str | None]) -> None:
        assert set(lost) <= set(self.joined[who]), "nothing is lost that it did not belong to"
        received = {int(text[1:]) for text in session.received if text[0] != "s"}
        after = {n: self._after(who, n, position) for n, position in lost.items()}
        for event, numbers in self.matched[who].items():
            owed = {n for n in numbers if n >= 0}
            again = {n for n in owed if n in after and event > after[n]}
            if event in received:
                # By a number that was left since it may have come: then again for the others.
                by_another = any(-NUMBERS <= n < 0 for n in numbers)
                assert not owed or owed != again or by_another, "it will come twice"
            elif owed == again:
                self.excused[who].add(event)
            if numbers & after.keys() - again:
                numbers.add(OWED)
            numbers.difference_update(after)
        for n in lost:
            del self.joined[who][n]

    def _after(self, who: int, number: int, position: str | None) -> int:
        since = self.joined[who][number]
        if position is None:
            return since
        assert int(position) >= since, "the position is not one of this membership"
        return int(position)

    def check(self, lossy: bool = True) -> None:
        for who, session in enumerate(self.sessions):
            live = [text for text in session.received if text[0] != "s"]
            events = [int(text[1:]) for text in live]
            assert events == sorted(set(events)), "in order, none twice"
            missing = set(self.matched[who]) - set(events)
            if lossy:  # what it has left meanwhile may be dropped, and nobody needs to be told
                missing = {e for e in missing if any(n >= 0 for n in self.matched[who][e])}
            assert missing <= self.excused[who], "none is missing without a word"
            assert set(events) <= set(self.matched[who]), "none for somebody else"
            assert all(text[0] == session.receiver.rendering for text in live)
            assert [text for text in session.received if text[0] == "s"] == self.sent[who]


async def play(steps: list[Step], budget: Budget) -> Model:
    """Take the steps, then let everybody read on."""
    model = Model(budget)
    for name, first, second in steps:
        if name == "turn":
            await asyncio.sleep(0)
        else:
            step: Callable[[int, int], None] = getattr(model, name)
            step(first, second)
        model.hear()
    model.flush()
    model.hear()
    for session in model.sessions:
        for n in range(1, NUMBERS + 1):
            session.receiver.release(n)
        session.unblock()
        model.hear()
    assert budget.total == 0
    return model


@settings(max_examples=examples(500), deadline=None)
@given(steps)
def test_everybody_gets_exactly_what_is_for_them(steps: list[Step]) -> None:
    model = asyncio.run(play(steps, Budget()))
    model.check(lossy=False)
    assert not any(session.overflows for session in model.sessions)


CROWD: list[Step] = [("join", who, 1) for who in range(RECEIVERS)]
QUEUES: list[Step] = [("join", 0, 2), ("block", 0, 0), ("block", 1, 0), ("publish", 1, 0)]
CALM: list[Step] = [("flush", 0, 0)]


def slow(chosen: list[Step]) -> list[Step]:
    """Begin with two receivers that do not read."""
    return CROWD + QUEUES + CALM + [step for step in chosen if step[0] != "send"]


slow_steps = steps.map(slow)


@settings(max_examples=examples(500), deadline=None)
@given(slow_steps, st.integers(3, 12))
def test_who_overflows_is_told_from_where(steps: list[Step], each: int) -> None:
    asyncio.run(play(steps, Budget(each=each))).check()


@settings(max_examples=examples(500), deadline=None)
@given(slow_steps, st.integers(3, 20))
def test_a_common_budget_is_kept_and_those_who_pay_are_told(steps: list[Step], limit: int) -> None:
    asyncio.run(play(steps, Budget(limit=limit))).check()
