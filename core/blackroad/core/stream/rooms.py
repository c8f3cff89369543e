"""The rooms `agents:<NAME>`.

What people say there is asked of the agent, what it answers is said there.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import structlog

from blackroad.core.errors import Rejection
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.identity import Identity
from blackroad.core.log.entry import Entry
from blackroad.core.log.record import Record
from blackroad.core.names import scope, token, unscope
from blackroad.core.stream import beside
from blackroad.core.stream.journal import Journal
from blackroad.realtime.v1 import common_pb2, event_pb2, stream_pb2

if TYPE_CHECKING:
    from collections.abc import Callable

    from blackroad.core.stream.answer import Answer
    from blackroad.core.stream.worker import Worker

LOG = structlog.get_logger(__name__)
PREFIX: Final = "agents:"
MAX_SPEAKERS: Final = 4096
PEOPLE: Final = (common_pb2.ENTITY_KIND_USER, common_pb2.ENTITY_KIND_SERVICE)


class Rooms:
    """Listens in the rooms of the agents that are here.

    A `message` of a user or service is an invocation on its behalf, with the rights that it has;
    the final text comes as one `message` of the agent with the asking event's id as correlation id.
    An answer that does not finish, or ends without text, says nothing.
    """

    def __init__(
        self, hub: Hub, journal: Journal, begin: "Callable[[Identity, stream_pb2.Invoke], Answer]"
    ) -> None:
        self._hub = hub
        self._journal = journal
        self._begin = begin
        self._agents: dict[str, set[Worker]] = {}
        self._speakers: OrderedDict[str, Identity] = OrderedDict()

    def enter(self, worker: "Worker") -> None:
        """Listen in the room of a worker's agent. Idempotent."""
        if worker.agent:
            key = room_key(worker)
            if key not in self._agents:
                self._agents[key] = set()
                self._hub.watch(key, self._hear)
            self._agents[key].add(worker)

    def leave(self, worker: "Worker") -> None:
        """Stop listening when the agent's last worker has gone. Idempotent."""
        key = room_key(worker)
        if workers := self._agents.get(key):
            workers.discard(worker)
            if not workers:
                del self._agents[key]
                self._hub.unwatch(key, self._hear)

    def spoke(self, identity: Identity, name: str, records: Sequence[Record]) -> None:
        """Remember with which rights events are published, until they are heard."""
        if name.startswith(PREFIX):
            for record in records:
                self._speakers[record.event_id] = identity
            while len(self._speakers) > MAX_SPEAKERS:
                self._speakers.popitem(last=False)

    def reply(self, answer: "Answer") -> None:
        """Say the text of an answer that has ended."""
        text = answer.folded.text
        if text and answer.folded.state == event_pb2.ANSWER_STATE_FINISHED:
            self._journal.publish(
                *beside.message(
                    answer.tenant,
                    answer.room,
                    answer.folded.agent,
                    text,
                    answer.stream_id,
                    answer.asked_by,
                )
            )

    def _hear(self, entry: Entry) -> None:
        if entry.type != "message":
            return
        event = entry.event
        speaker = self._speakers.pop(event.id, None)
        if speaker is None or event.sender_kind not in PEOPLE:
            return
        room = unscope(entry.key)
        name = next(iter(self._agents[entry.key])).agent
        invoke = stream_pb2.Invoke(target=stream_pb2.Target(agent=name))
        match event.WhichOneof("body"):
            case "text":
                invoke.text = event.text
            case "json":
                part = stream_pb2.MessagePart(data_json=event.json)
                invoke.messages.add(role=stream_pb2.ROLE_USER, parts=[part])
            case _:
                return
        try:
            answer = self._begin(speaker, invoke)
        except Rejection as rejection:
            LOG.info("room.refused", channel=room, event_id=event.id, code=rejection.code.name)
        else:
            answer.room, answer.asked_by = room, event.id


def room_key(worker: "Worker") -> str:
    """Return the key of the room of a worker's agent."""
    return scope(worker.identity.tenant, PREFIX + token(worker.agent or "-"))
