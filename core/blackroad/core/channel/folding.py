"""What control events have made of channels, kept by the engine in the place of these events."""

from typing import Final

import msgspec

from blackroad.core.channel.ledger import Ledger
from blackroad.core.channel.store import ChannelMember, ChannelRecord
from blackroad.core.errors import Rejection
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.revocations import CONTROL, Revocations
from blackroad.core.log.base import Kept
from blackroad.core.log.engine import Engine
from blackroad.core.names import tenant_of, unscope

FOLD_AT: Final = 1000  # events
LOOK_SECONDS: Final = 10.0


class Made(msgspec.Struct, frozen=True):
    """A channel as control events have made it."""

    record: ChannelRecord | None
    members: list[ChannelMember]
    floor: int


class Folding:
    """Folds the control events of a node's engine now and then, and unfolds them at its start.

    An event that is applied once more, after what it has made, has no effect.
    """

    def __init__(self, engine: Engine, hub: Hub, ledger: Ledger, revocations: Revocations) -> None:
        self._engine = engine
        self._hub = hub
        self._ledger = ledger
        self._revocations = revocations

    @property
    def due(self) -> bool:
        """Whether many events are kept one by one."""
        return self._engine.unfolded >= FOLD_AT

    def unfold(self, kept: Kept) -> None:
        """Take up what was made before this process."""
        for key, text in kept.made.items():
            if unscope(key) == CONTROL:
                self._revocations.restore(tenant_of(key), text)
                continue
            made = msgspec.json.decode(text, type=Made)
            self._ledger.restore(key, made.record, made.members, made.floor)

    async def fold(self) -> None:
        """Fold the events that this node has applied. What fails is done later."""
        heads = self._hub.heads
        try:
            entries = await self._engine.lasting()
            applied = [entry for entry in entries if entry.position <= heads[entry.partition]]
            made = {entry.key: self._made(entry.key) for entry in applied}
            await self._engine.fold(Kept(made, applied))
        except Rejection:
            return

    def _made(self, key: str) -> bytes:
        if unscope(key) == CONTROL:
            return self._revocations.made(tenant_of(key))
        store, floor = self._ledger.store, self._ledger.floor(key)
        record = store.record(key)
        members = store.members(key, "", store.member_count(key))
        if record is None and not members and not floor:
            return b""
        return msgspec.json.encode(Made(record, members, floor))
