"""The unary calls of PresenceService: what each checks and answers."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from blackroad.core.channel.directory import Directory
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.authorize import authorize
from blackroad.core.identity.identity import Action, Identity, Kind
from blackroad.core.names import check_name
from blackroad.core.presence.entity import KINDS, Entity, checked_entity, kind_of
from blackroad.core.presence.page import after_token, page_items, token_after
from blackroad.core.presence.record import Record
from blackroad.core.presence.roster import Roster
from blackroad.realtime.v1 import presence_pb2


class Occupancy(Protocol):
    """Who occupies channels."""

    def page(self, key: str, after: str, limit: int) -> Sequence[tuple[str, int]]:
        """Return up to `limit` subjects after one, in order, and since when."""
        ...


class PresenceCalls:
    """Answers each call, or raises `Rejection`."""

    def __init__(self, roster: Roster, directory: Directory, occupants: Occupancy) -> None:
        self._roster = roster
        self._directory = directory
        self._occupants = occupants

    async def get_presence(
        self, identity: Identity, request: presence_pb2.GetPresenceRequest
    ) -> presence_pb2.GetPresenceResponse:
        """Read one entity; one that was never here is offline."""
        kind = kind_of(request.entity_type)
        if kind is None or not request.entity_id:
            raise Rejection(Code.MISSING_FIELD, "entity_type and entity_id are required")
        entity = checked_entity(identity.tenant, kind, request.entity_id)
        authorize(identity, Action.PRESENCE, entity.name)
        return presence_pb2.GetPresenceResponse(presence=self._roster.get(*entity))

    async def list_presence(
        self, identity: Identity, request: presence_pb2.ListPresenceRequest
    ) -> presence_pb2.ListPresenceResponse:
        """List a page of those who are here, or of those who occupy a channel that may be read."""
        kind = kind_of(request.entity_type)
        if request.channel:
            self._directory.check_read(identity, check_name(request.channel))
            return self._list_occupants(identity, kind, request)
        authorize(identity, Action.PRESENCE, scope_of(kind))
        entities, token = self._roster.list(
            identity.tenant, kind, request.status, request.page_size, request.page_token
        )
        return presence_pb2.ListPresenceResponse(entities=entities, next_page_token=token)

    def _list_occupants(
        self, identity: Identity, kind: Kind | None, request: presence_pb2.ListPresenceRequest
    ) -> presence_pb2.ListPresenceResponse:
        """List by subject. A subject may be here as several kinds."""
        response = presence_pb2.ListPresenceResponse()
        items = page_items(request.page_size)
        after = after_token(request.page_token)
        subjects = self._occupants.page(identity.key(request.channel), after, items + 1)
        for subject, _ in subjects[:items]:
            for record in self._present(identity.tenant, subject, kind):
                if not request.status or record.view.status.wire == request.status:
                    response.entities.append(self._roster.look(record))
            after = subject
        if len(subjects) > items:
            response.next_page_token = token_after(after)
        return response

    def _present(self, tenant: str, subject: str, kind: Kind | None) -> Iterator[Record]:
        for each in KINDS if kind is None else (kind,):
            record = self._roster.record(Entity(tenant, each, subject).key)
            if record is not None and record.stays:
                yield record


def scope_of(kind: Kind | None) -> str:
    """Return what `presence` must be granted on to see every entity of a kind, or of all."""
    return "presence.>" if kind is None else f"presence.{kind.value}.*"
