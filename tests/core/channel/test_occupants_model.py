"""Occupants equal a model of them, and what is told folds into it, in whatever order it happens."""

import asyncio
from collections.abc import Coroutine

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from blackroad.core.channel import room
from blackroad.core.channel.directory import Directory
from blackroad.core.channel.occupants import GRACE_SECONDS, Occupants
from blackroad.core.channel.policy import Policy
from blackroad.core.channel.rules import Rules
from blackroad.core.channel.store import ChannelRecord
from blackroad.core.clock import FakeClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.publisher import Publisher
from tests.core.channel.tape import TapeLog
from tests.core.channel.world import identity
from tests.effort import examples

KEY = "acme.plans"
BOUND = 2  # of the lists that are told, so that few identities get over it
subjects = st.sampled_from(["ada", "bob", "cyd"])
sessions = st.sampled_from(["se_1", "se_2"])


class OccupantsMachine(RuleBasedStateMachine):
    """Sessions come and go, cleanly or not, and the log is away now and then."""

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._bound, room.ONE_BY_ONE = room.ONE_BY_ONE, BOUND  # type: ignore[misc]  # put back below
        self.clock = FakeClock()
        self.log = TapeLog(self.clock)
        self.directory = Directory(Rules({}))
        publisher = Publisher(self.log, self.directory, self.clock)
        self.occupants = Occupants(self.log, publisher, self.directory, self.clock)
        self.model: dict[str, set[str]] = {}
        self.held: dict[str, float] = {}

    def teardown(self) -> None:
        """Put the bound back."""
        room.ONE_BY_ONE = self._bound  # type: ignore[misc]  # as it was
        self._runner.close()

    def run(self, work: Coroutine[object, object, None]) -> None:
        """Await."""
        self._runner.run(work)

    @initialize(max_members=st.integers(0, 3))
    def make(self, max_members: int) -> None:
        """Make the channel."""
        self.max_members = max_members
        policy = Policy(presence=True, max_members=max_members)
        self.directory.ledger.store.put(ChannelRecord(KEY, policy, "{}", "", 1, 1, "1", made=True))

    @rule(subject=subjects, session=sessions)
    def join(self, subject: str, session: str) -> None:
        """Subscribe."""
        full = subject not in self.model and 0 < self.max_members <= len(self.model)
        try:
            self.run(self.occupants.join(KEY, identity(subject), session))
        except Rejection as rejection:
            assert rejection.code is Code.CHANNEL_FULL  # noqa: PT017
            assert full
        else:
            assert not full
            self.model.setdefault(subject, set()).add(session)
            self.held.pop(subject, None)

    @rule(subject=subjects, session=sessions, clean=st.booleans())
    def leave(self, subject: str, session: str, clean: bool) -> None:
        """Unsubscribe, or be lost."""
        self.occupants.leave(KEY, identity(subject), session, clean=clean)
        if session in self.model.get(subject, set()):
            self.model[subject].remove(session)
            if not self.model[subject]:
                self.held[subject] = self.clock.monotonic() + (0 if clean else GRACE_SECONDS)
                if clean:
                    self.free(subject)

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.5, 5.0]))
    def advance(self, seconds: float) -> None:
        """Time passes, and what is due is done."""
        self.clock.advance(seconds)
        self.run(self.occupants.settle())
        for subject, until in tuple(self.held.items()):
            if until <= self.clock.monotonic():
                self.free(subject)

    @rule(away=st.booleans())
    def lose_the_log(self, away: bool) -> None:
        """Let the log go, or come back."""
        self.log.away = away

    @rule()
    def listen(self) -> None:
        """After two quiet seconds what was told, folded, is the model."""
        self.log.away = False
        self.advance(1.0)
        self.advance(1.0)
        count, members = fold(self.log.tape)
        assert count == len(self.model)
        if len(self.model) <= BOUND:
            assert members == set(self.model)

    @invariant()
    def seats_are_the_model(self) -> None:
        """Compare count and list with the model; capacity is never exceeded."""
        assert self.occupants.count(KEY) == len(self.model)
        assert [subject for subject, _ in self.occupants.page(KEY, "", 9)] == sorted(self.model)
        if self.model:
            assert not 0 < self.max_members < len(self.model)

    def free(self, subject: str) -> None:
        """Free a seat of the model."""
        del self.model[subject]
        self.held.pop(subject, None)


class Told(msgspec.Struct):
    """What a follower reads of an event."""

    member_count: int
    members: list[dict[str, str]] | None = None
    changes: list[dict[str, str]] = []


def fold(tape: list[tuple[str, dict[str, object]]]) -> tuple[int, set[str] | None]:
    """Return the number and the list (None where it is not known) as a follower has them."""
    count = 0
    members: set[str] | None = set()
    for kind, fields in tape:
        told = msgspec.convert(fields, Told)
        count = told.member_count
        if told.members is not None:
            members = {member["client_id"] for member in told.members}
        elif kind == "channel.presence_update" and not told.changes:
            members = None
        elif members is not None:
            for change in told.changes:
                take = members.add if change["change"] == "joined" else members.discard
                take(change["client_id"])
    return count, members


TestOccupantsModel = OccupantsMachine.TestCase
TestOccupantsModel.settings = settings(
    max_examples=examples(150), stateful_step_count=40, deadline=None
)
