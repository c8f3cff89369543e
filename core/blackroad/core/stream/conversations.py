"""Conversations: whose they are, what was said lately, and that one answer at a time is given."""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.ids import event_id
from blackroad.core.log.base import Log
from blackroad.core.log.entry import Entry
from blackroad.core.log.record import Record
from blackroad.core.names import scope, token
from blackroad.core.stream import turns
from blackroad.core.stream.answer import Answer
from blackroad.core.stream.invocation import messages_of
from blackroad.core.stream.journal import Journal
from blackroad.core.stream.limits import StreamLimits
from blackroad.core.stream.shared_turns import SharedTurns, Turn
from blackroad.realtime.v1 import event_pb2, stream_pb2

MAX_HISTORY: Final = 300
MAX_OWNERS: Final = 100_000
LEARNED_SECONDS: Final = 5.0  # a conversation that was kept no longer may be another's by then
ANSWERING: Final = (stream_pb2.ROLE_ASSISTANT, stream_pb2.ROLE_TOOL)


class Conversation:
    """One conversation at hand."""

    __slots__ = ("active", "bytes", "cut", "owner", "tokens", "turns", "used")

    def __init__(self, owner: str) -> None:
        self.owner = owner
        self.active: Answer | None = None
        self.turns: deque[stream_pb2.Message] = deque()
        self.bytes = 0
        self.tokens = 0  # about
        self.cut = False  # whether turns were forgotten
        self.used = 0.0

    def add(self, turn: stream_pb2.Message, limits: StreamLimits) -> None:
        """Remember a turn; forget the oldest that are too many, down to one of a user."""
        self._count(turn, 1)
        self.turns.append(turn)
        while self.turns and (self._exceeds(limits) or self._headless):
            self._count(self.turns.popleft(), -1)
            self.cut = True

    @property
    def _headless(self) -> bool:
        """Whether the first turn answers one that was forgotten."""
        return self.cut and self.turns[0].role in ANSWERING

    def _exceeds(self, limits: StreamLimits) -> bool:
        return (
            self.tokens > limits.conversation_tokens
            or self.bytes > limits.turns_bytes
            or len(self.turns) > limits.turns
        )

    def _count(self, turn: stream_pb2.Message, sign: int) -> None:
        self.tokens += sign * turns.tokens_of(turn)
        self.bytes += sign * turn.ByteSize()


class Owner(NamedTuple):
    """Whose a conversation is, and when the log was asked, by the monotonic clock."""

    subject: str
    learned: float


class Conversations:
    """The conversations of a node: each is the channel `conversation.<id>` of who began it.

    Its messages are events there; the latest are at hand, and are read from the channel's history
    where they are not. Where other nodes share the log, `turns` gives the turn to one answer of
    all of them.
    """

    def __init__(self, log: Log, journal: Journal, clock: Clock, limits: StreamLimits) -> None:
        self._log = log
        self._journal = journal
        self._clock = clock
        self._limits = limits
        self.turns: SharedTurns | None = None
        self._at_hand: dict[str, Conversation] = {}  # the least lately used first
        self._owners: dict[str, Owner] = {}  # as above, and of those that are not at hand any more

    def owner(self, key: str) -> str | None:
        """Return whose a conversation is; None where nobody knows."""
        known = self._owners.get(key)
        return known.subject if known is not None else None

    async def learn(self, identity: Identity, key: str) -> None:
        """Have known here whose a conversation is (`Directory.learn`)."""
        del identity
        known = self._owners.get(key)
        now = self._clock.monotonic()
        if known is not None and (self.turns is None or known.learned > now - LEARNED_SECONDS):
            return
        page = await self._log.history(key, MAX_HISTORY)
        if owner := _owner_in(page.entries):
            self._note_owner(key, owner)
        else:
            self._owners.pop(key, None)

    def owns(self, identity: Identity, key: str) -> bool:
        """Tell whether a conversation is the identity's."""
        return self.owner(key) == identity.subject

    async def load(self, identity: Identity, conversation_id: str) -> None:
        """Have a conversation at hand, a new one as the identity's.

        FORBIDDEN where it is another's.
        """
        key = _key(identity.tenant, conversation_id)
        known = self._at_hand.get(key)
        if known is not None and self.turns is not None and known.active is None:
            del self._at_hand[key]  # it may have gone on at another node
        if key not in self._at_hand:
            page = await self._log.history(key, MAX_HISTORY)
            if key not in self._at_hand:
                self._at_hand[key] = self._read(identity.subject, page.entries)
        conversation = self._at_hand[key]
        if conversation.owner != identity.subject:
            raise Rejection(Code.FORBIDDEN, "this conversation is another's")
        self._use(key, conversation)

    async def enter_turn(self, identity: Identity, invoke: stream_pb2.Invoke) -> Turn | None:
        """Load the conversation of an invocation, and have the turn in it among all nodes.

        None where no other node shares it. FORBIDDEN, CONVERSATION_BUSY.
        """
        key = _key(identity.tenant, invoke.conversation)
        known = self._at_hand.get(key)
        if self.turns is None or (known is not None and known.active is not None):
            await self.load(identity, invoke.conversation)  # `enter` says that it is busy
            return None
        if self.owner(key) != identity.subject:
            await self.load(identity, invoke.conversation)
        turn = await self.turns.take(key)
        try:
            await self.load(identity, invoke.conversation)
        except BaseException:  # also where who asks has gone
            self.leave_turn(turn)
            raise
        return turn

    def begun(self, turn: Turn | None) -> None:
        """Note that the answer that has a turn is known as such, or never will be."""
        if turn is not None and self.turns is not None:
            self.turns.begun.discard(turn.stream_id)

    def leave_turn(self, turn: Turn | None) -> None:
        """Give a turn back. Idempotent."""
        if turn is not None and self.turns is not None:
            self.turns.leave(turn)

    def enter(self, answer: Answer) -> None:
        """Make an answer the one in progress, and put the earlier turns before its input.

        CONVERSATION_BUSY; UNAVAILABLE where it is not at hand any more: see `load`.
        """
        conversation = self._at_hand.get(_key_of(answer))
        if conversation is None:
            raise Rejection(Code.UNAVAILABLE, "the conversation has to be read again")
        if conversation.active is not None:
            raise Rejection(Code.CONVERSATION_BUSY)
        conversation.active = answer
        earlier = tuple(conversation.turns)
        asked = len(messages_of(answer.invoke)) if answer.asked else 0
        answer.earlier = earlier[: len(earlier) - asked]

    def abort(self, answer: Answer) -> None:
        """Let the next answer come: this one was never begun. Idempotent."""
        conversation = self._at_hand.get(_key_of(answer)) if answer.conversation else None
        if conversation is not None and conversation.active is answer:
            conversation.active = None
        self._leave_turn(answer)

    def go_on(self, answer: Answer) -> None:
        """Take up an answer that another node had in progress, where it is at hand."""
        if (conversation := self._at_hand.get(_key_of(answer))) is not None:
            conversation.active = answer

    def give_up(self, answer: Answer) -> None:
        """Leave an answer, with its turn, to another node. Idempotent."""
        conversation = self._at_hand.get(_key_of(answer)) if answer.conversation else None
        if conversation is not None and conversation.active is answer:
            conversation.active = None
        answer.turn = None

    def tell(self, answer: Answer, said: Sequence[stream_pb2.Message]) -> None:
        """Make what was asked events of the conversation."""
        conversation = self._of(answer)
        invoker = answer.invoker
        for message in said:
            conversation.add(message, self._limits)
            self._publish(answer, message, invoker.subject, invoker.kind)

    def leave(self, answer: Answer) -> None:
        """Make an answer that has ended an event, unless it failed, and let the next one come."""
        conversation = self._at_hand.get(_key_of(answer))
        if conversation is None or conversation.active is not answer:
            return
        conversation.active = None
        folded = answer.folded
        text = folded.text
        if folded.state == event_pb2.ANSWER_STATE_FAILED or not text:
            self._leave_turn(answer)
            return
        message = turns.of_text(stream_pb2.ROLE_ASSISTANT, text)
        conversation.add(message, self._limits)
        self._publish(answer, message, folded.agent, Kind.AGENT)
        self._leave_turn(answer)

    def forget(self) -> None:
        """Have nothing at hand but conversations with an answer in progress."""
        self._at_hand = {key: kept for key, kept in self._at_hand.items() if kept.active}

    def _leave_turn(self, answer: Answer) -> None:
        turn, answer.turn = answer.turn, None
        self.leave_turn(turn)

    def _of(self, answer: Answer) -> Conversation:
        return self._at_hand[_key_of(answer)]

    def _read(self, subject: str, entries: Sequence[Entry]) -> Conversation:
        conversation = Conversation(_owner_in(entries) or subject)
        for event in [entry.event for entry in entries]:
            if message := turns.of_event(event):
                conversation.add(message, self._limits)
        return conversation

    def _use(self, key: str, conversation: Conversation) -> None:
        now = self._clock.monotonic()
        conversation.used = now
        self._at_hand.pop(key, None)
        self._at_hand[key] = conversation
        self._note_owner(key, conversation.owner)
        while True:
            oldest_key, oldest = next(iter(self._at_hand.items()))
            if oldest.active is not None or oldest.used > now - self._limits.keep_seconds:
                return
            del self._at_hand[oldest_key]

    def _note_owner(self, key: str, subject: str) -> None:
        self._owners.pop(key, None)
        self._owners[key] = Owner(subject, self._clock.monotonic())
        if len(self._owners) > MAX_OWNERS:
            del self._owners[next(iter(self._owners))]

    def _publish(
        self, answer: Answer, message: stream_pb2.Message, sender: str, kind: Kind
    ) -> None:
        conversation = self._of(answer)
        event = event_pb2.Event(
            id=event_id(),
            channel=f"conversation.{token(answer.conversation)}",
            type="message",
            sender=sender,
            sender_kind=kind.wire,
            correlation_id=answer.stream_id,
            headers={turns.OWNER: conversation.owner},
        )
        turns.write(message, event)
        record = Record(event.id, event.type, event.SerializeToString())
        self._journal.publish(_key_of(answer), record)


def _owner_in(entries: Sequence[Entry]) -> str:
    """Return whose the events say that it is; empty where none does.

    Only what the server wrote names an owner; others may have published there by a grant.
    """
    headers = (entry.event.headers for entry in entries)
    return next((said[turns.OWNER] for said in headers if turns.OWNER in said), "")


def _key(tenant: str, conversation_id: str) -> str:
    return scope(tenant, f"conversation.{token(conversation_id)}")


def _key_of(answer: Answer) -> str:
    return _key(answer.tenant, answer.conversation)
