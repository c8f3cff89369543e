"""What control events have made of channels, kept by the engine in the place of these events."""

from typing import Final

import msgspec

from blackroad.core.channel.directory import Directory
from blackroad.core.channel.ledger import Ledger
from blackroad.core.channel.store import ChannelMember, ChannelRecord
from blackroad.core.errors import Rejection
from blackroad.core.hub.hub import Hub
from blackroad.core.identity.revocations import CONTROL, Revocations
from blackroad.core.log.base import Kept
from blackroad.core.log.engine import Engine
from blackroad.core.log.entry import Positions
from blackroad.core.names import scope, tenant_of, unscope

FOLD_AT: Final = 1000  # events
LOOK_SECONDS: Final = 1.0


class Made(msgspec.Struct, frozen=True):
    """A channel as control events have made it."""

    record: ChannelRecord | None
    members: list[ChannelMember]
    floor: int


class Folding:
    """Folds the control events of a node's engine now and then, and unfolds them at its start.

    An event that is applied once more, after what it has made, has no effect. Where the log began
    anew the engine may have lost them: then each node gives back what it knows, so that a channel
    stays private, and a token revoked, for nodes that start later. A node that has missed some of
    the log takes over what the engine knows before it folds again.
    """

    def __init__(
        self, engine: Engine, hub: Hub, directory: Directory, revocations: Revocations
    ) -> None:
        self._missed = False  # whether control events may not have come to this node
        self._engine = engine
        self._hub = hub
        self._directory = directory
        self._ledger = directory.ledger
        self._revocations = revocations
        self._epochs: list[int] = []  # of the log when the engine had all that this node knows
        self._busy = False

    @property
    def due(self) -> bool:
        """Whether many events are kept one by one, some were missed, or the log began anew."""
        wanted = self._missed or self._engine.unfolded >= FOLD_AT or self._began_anew
        return wanted and not self._busy

    @property
    def _began_anew(self) -> bool:
        return self._epochs != _epochs(self._hub.heads)

    def miss(self, after: Positions) -> None:
        """Note that this node has missed what came after a place.

        Where the log began anew nothing says who knows it better, and each keeps what it knows.
        """
        changed = zip(after, self._hub.heads, strict=True)
        if any(one != other and one.epoch == other.epoch for one, other in changed):
            self._missed = True

    def unfold(self, kept: Kept) -> None:
        """Take up what was made before this process."""
        self._epochs = _epochs(self._engine.log.heads())
        self._unfold(kept, self._ledger)

    def _unfold(self, kept: Kept, ledger: Ledger) -> None:
        for key, text in kept.made.items():
            if unscope(key) == CONTROL:
                self._revocations.restore(tenant_of(key), text)
                continue
            made = msgspec.json.decode(text, type=Made)
            ledger.restore(key, made.record, made.members, made.floor)

    async def fold(self) -> None:
        """Give back what the engine has lost; fold what this node has applied.

        What fails is done later.
        """
        self._busy = True
        try:
            if self._began_anew:
                await self._give_back()
            if self._missed:
                self._missed = not await self._take_over()
            if not self._missed:
                await self._fold()
        except Rejection:
            return
        finally:
            self._busy = False

    async def _give_back(self) -> None:
        epochs = _epochs(self._hub.heads)
        controls = {scope(tenant, CONTROL) for tenant in self._revocations.tenants}
        await self._engine.keep(self._ledger.known() | controls, self._made)
        self._epochs = epochs

    async def _take_over(self) -> bool:
        """Take over what the engine knows; False where something has changed meanwhile."""
        applied, heads = self._ledger.applied, self._hub.heads
        kept = await self._engine.kept()
        if kept is None:
            return True  # there is nothing, or it began anew, which will be noticed
        if applied != self._ledger.applied:
            return False
        truth = self._ledger.blank()
        self._unfold(kept, truth)
        for entry in kept.entries:
            if entry.position <= heads[entry.partition]:
                truth.apply(entry)
                self._revocations.apply(entry)
        self._directory.become(truth)
        return True

    async def _fold(self) -> None:
        heads = self._hub.heads
        entries = await self._engine.lasting()
        applied = [entry for entry in entries if entry.position <= heads[entry.partition]]
        forgotten = self._ledger.forgotten.copy()
        made = {key: self._made(key) for key in forgotten.union(entry.key for entry in applied)}
        await self._engine.fold(Kept(made, applied))
        self._ledger.forgotten -= forgotten

    def _made(self, key: str) -> bytes:
        if unscope(key) == CONTROL:
            return self._revocations.made(tenant_of(key))
        store, floor = self._ledger.store, self._ledger.floor(key)
        record = store.record(key)
        members = store.members(key, "", store.member_count(key))
        if record is None and not members and not floor:
            return b""
        return msgspec.json.encode(Made(record, members, floor))


def _epochs(places: Positions) -> list[int]:
    return [place.epoch for place in places]
