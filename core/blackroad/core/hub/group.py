"""A group: the sessions of a node whose live topics are the same, so that they share frames."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from blackroad.core.hub.gate import Gate
from blackroad.core.hub.hub import Hub
from blackroad.core.log.entry import Entry, Positions
from blackroad.wire.v1 import frames_pb2

MAX_FRAME_BYTES = 256 << 10


class Frame:
    """Events for everyone in a group, serialized once. `after`: where a session stood before it."""

    __slots__ = ("_response", "after", "events", "size")
    alone = False

    def __init__(self, events: list[bytes], after: Positions) -> None:
        self.events = events
        self.after = after
        self.size = sum(map(len, events)) + 16
        self._response: bytes | None = None

    @property
    def response(self) -> bytes:
        """The serialized ConnectResponse, made once."""
        if self._response is None:
            self._response = delivery_frame(self.events)
        return self._response

    def joined(self, others: Sequence["Frame"]) -> bytes:
        """Return this frame and the ones that follow it as one."""
        return delivery_frame([event for frame in (self, *others) for event in frame.events])


class Mark(Frame):
    """A frame that keeps its place among the events, and is dropped with those before it."""

    __slots__ = ()
    alone = True

    def __init__(self, response: bytes, after: Positions) -> None:
        super().__init__([], after)
        self.size = len(response)
        self._response = response


def frames_of(entries: list[Entry], after: Positions) -> Iterator[Frame]:
    """Yield the entries as frames under the bound."""
    events: list[bytes] = []
    size = 0
    reached = after
    for entry in entries:
        wire = entry.wire
        if events and size + len(wire) > MAX_FRAME_BYTES:
            yield Frame(events, after)
            events, size, after = [], 0, reached
        events.append(wire)
        size += len(wire)
        reached = entry.after(reached)
    if events:
        yield Frame(events, after)


def delivery_frame(events: list[bytes], subscription: str = "") -> bytes:
    """Return a serialized ConnectResponse with these serialized events."""
    delivery = frames_pb2.Delivery(events=events, subscription=subscription)
    return frames_pb2.ConnectResponse(delivery=delivery).SerializeToString()


class Receiver(Protocol):
    """A member of a group."""

    def receive(self, frame: Frame) -> None:
        """Take a frame; never blocks. It may leave the group in the call."""
        ...


class Group:
    """Collects the entries of its topics and hands them to all members as one frame, in order.

    Each entry once.
    """

    def __init__(self, hub: Hub, topics: frozenset[str]) -> None:
        self.topics = topics
        self.members: dict[Receiver, None] = {}
        self._hub = hub
        self._pending: list[Entry] = []
        self._flushed = hub.heads
        self._gate = Gate(self._flush, hub.turn)
        for topic in topics:
            hub.attach(self, topic)

    def offer(self, run: Sequence[Entry], topic: str) -> None:
        """Take entries, once though several topics match them."""
        pending = self._pending
        if pending and pending[-1] is run[-1]:
            return
        pending += run
        self._gate.request()

    def join(self, member: Receiver) -> None:
        """Add a member: it gets what is offered from now on."""
        self._gate.open()
        self.members[member] = None
        self._gate.followers = len(self.members)

    def leave(self, member: Receiver) -> None:
        """Hand a member what is pending and remove it."""
        self._gate.open()
        self.members.pop(member, None)
        self._gate.followers = len(self.members)

    def close(self) -> None:
        """Take nothing more."""
        self._gate.close()
        for topic in self.topics:
            self._hub.detach(self, topic)

    def _flush(self) -> bool:
        after, self._flushed = self._flushed, self._hub.heads
        pending, self._pending = self._pending, []
        for frame in frames_of(pending, after):
            for member in tuple(self.members):
                member.receive(frame)
        return bool(pending)


class Groups:
    """The groups of a node, by their topics. A group exists while it has members."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._groups: dict[frozenset[str], Group] = {}
        self._group_of: dict[Receiver, Group] = {}

    def move(self, member: Receiver, topics: frozenset[str]) -> None:
        """Let a member follow exactly these topics from now on.

        After it was handed all that was pending for it.
        """
        old = self._group_of.get(member)
        if old is not None:
            if old.topics == topics:
                return
            self._leave(member, old)
        if topics:
            group = self._groups.get(topics)
            if group is None:
                group = self._groups[topics] = Group(self._hub, topics)
            group.join(member)
            self._group_of[member] = group

    def flush(self, member: Receiver) -> None:
        """Hand a member what is pending for it now."""
        if group := self._group_of.get(member):
            group.join(member)

    def _leave(self, member: Receiver, group: Group) -> None:
        del self._group_of[member]
        group.leave(member)
        if not group.members:
            group.close()
            del self._groups[group.topics]
