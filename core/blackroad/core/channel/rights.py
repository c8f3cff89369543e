"""What a session may follow: asked when it subscribes, and when a channel or its token changes."""

from collections.abc import Iterable

from blackroad.core.channel.control import Change, What
from blackroad.core.channel.directory import Directory
from blackroad.core.channel.subscription import Subscription
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.audit import AUDIT
from blackroad.core.identity.identity import Identity
from blackroad.core.names import is_pattern, unscope


class Rights:
    """One for all sessions of a node: whose rights they are, is said with each call."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def learn(self, identity: Identity, names: Iterable[str]) -> None:
        """Have the directory know of channels what the log says, before they are decided about."""
        for name in names:
            await self._directory.learn(identity, name)

    def check(self, identity: Identity, names: Iterable[str]) -> None:
        """Raise `Rejection`, which says of what, where a name or pattern may not be followed."""
        for name in names:
            try:
                self._directory.check_read(identity, name)
            except Rejection as rejection:
                rejection.channel = name
                raise

    def lost(self, identity: Identity, change: Change) -> Code | None:
        """Return why a channel cannot be followed by name after a change; None where it can."""
        if change.what is What.DELETED:
            return Code.NOT_FOUND
        return None if self._directory.may_read(identity, change.key) else Code.NOT_MEMBER

    def private(self, identity: Identity, topics: Iterable[str]) -> set[str]:
        """Return the private channels that the patterns among the topics may show."""
        matching = self._directory.private_matching
        return {key for one in topics if is_pattern(one) for key in matching(identity, one)}

    def audit(self, identity: Identity, subscription: Subscription) -> None:
        """Tell that private channels are read from here on."""
        for name in subscription.names:
            if not is_pattern(name) and self._directory.policy(identity.key(name)).private:
                AUDIT.joined(identity, name)
        for key in subscription.private:
            AUDIT.joined(identity, unscope(key))
