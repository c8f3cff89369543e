"""Seats: a session counts in the channels that it follows by name and whose policy counts."""

from collections.abc import Hashable, Iterable

from blackroad.core.channel.directory import Directory
from blackroad.core.channel.occupants import Occupants
from blackroad.core.channel.subscription import Subscription
from blackroad.core.identity.identity import Identity
from blackroad.core.names import is_pattern


class Seats:
    """One for all sessions of a node: whose seat it is, is said with each call."""

    def __init__(self, directory: Directory, occupants: Occupants) -> None:
        self._directory = directory
        self._occupants = occupants

    def counts(self, key: str) -> bool:
        """Tell whether the policy of a channel counts who follows it by name."""
        return self._directory.policy(key).presence

    async def take(self, identity: Identity, holder: Hashable, channel: str) -> str:
        """Take a seat in the channel where its policy counts; return its key, or nothing.

        Raises `Rejection` where all are taken.
        """
        key = identity.key(channel)
        if is_pattern(channel) or not self.counts(key):
            return ""
        await self._occupants.join(key, identity, holder)
        return key if self.counts(key) else ""

    def leave(
        self,
        key: str,
        identity: Identity,
        holder: Hashable,
        others: Iterable[Subscription],
        *,
        clean: bool,
    ) -> None:
        """Give up a seat, where no other subscription of the session is the reason for it.

        Idempotent; nothing without a key.
        """
        if key and not any(one.occupies == key and not one.ended for one in others):
            self._occupants.leave(key, identity, holder, clean=clean)
