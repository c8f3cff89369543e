"""Channels as a node knows them: the policy in force, who may do what, and how that changes."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from blackroad.core.channel.control import BODIES, Change, What
from blackroad.core.channel.ledger import MAX_REMEMBERED, Ledger
from blackroad.core.channel.policy import Policy, Publishers
from blackroad.core.channel.rules import Rules
from blackroad.core.channel.store import ChannelStore, MemoryChannelStore
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.authorize import allows, authorize, covers
from blackroad.core.identity.identity import Action, Identity, Kind
from blackroad.core.log.entry import Entry
from blackroad.core.names import (
    COMPANION,
    GUARDED,
    SERVER_ONLY,
    companion,
    is_pattern,
    scope,
    tenant_of,
    token,
    unscope,
)
from blackroad.core.topics import matches
from blackroad.realtime.v1 import channel_pb2

__all__ = ["Change", "Directory", "What"]

Owns = Callable[[Identity, str], bool]
"""Tells whether a channel, by its key, is an identity's own."""
Learn = Callable[[Identity, str], Awaitable[None]]
"""Has known here whose a channel is, by its key, where the log or another node knows."""


class Directory:
    """Answers from memory and changes only by `apply`, so that it holds at one place of the log.

    `owns`: channels whose first token is there belong to somebody; beside those only grants
    that spell this token cover them. Whose they are may have to be learned first: `learn` is
    awaited by who then asks for rights. `listeners` are told of each change from within `apply`;
    they must not block.
    """

    def __init__(self, rules: Rules, store: ChannelStore | None = None) -> None:
        self.ledger = Ledger(store or MemoryChannelStore(), rules)
        self.owns: dict[str, Owns] = {}
        self.learns: dict[str, Learn] = {}
        self.listeners: list[Callable[[Change], None]] = []
        self._is_private: dict[str, bool] = {}  # of events' channels

    async def learn(self, identity: Identity, name: str) -> None:
        """Have known here whose a channel is, where it may be somebody's. Raises `Rejection`."""
        if (learn := self.learns.get(_first(name))) and not is_pattern(name):
            await learn(identity, identity.key(name))

    def policy(self, key: str) -> Policy:
        """Return the policy in force."""
        return self.ledger.policy(key)

    def shown_policy(self, key: str) -> channel_pb2.ChannelPolicy:
        """Return the policy as it is told: what is somebody's own is private, whatever rules it."""
        shown = self.policy(key).wire
        if _first(unscope(key)) in self.owns:
            shown.access = channel_pb2.CHANNEL_ACCESS_PRIVATE
        return shown

    def made(self, key: str) -> bool:
        """Tell whether the channel was made by CreateChannel."""
        record = self.ledger.store.record(key)
        return record is not None and record.made

    def is_private(self, key: str) -> bool:
        """Tell whether a pattern does not show this channel to all its followers.

        Asked for each event that a pattern may match.
        """
        private = self._is_private.get(key)
        if private is None:
            if len(self._is_private) >= MAX_REMEMBERED:
                self._is_private.clear()
            private = self._is_private[key] = self._find_private(key)
        return private

    def is_closed(self, identity: Identity, name: str) -> bool:
        """Tell whether a channel is not open to all who have a grant for it."""
        if is_pattern(name):
            return False
        return _first(name) in self.owns or self.policy(identity.key(name)).private

    def may_read(self, identity: Identity, key: str) -> bool:
        """Tell whether the identity may read a channel now."""
        if tenant_of(key) != identity.tenant:
            return False
        try:
            self.check_read(identity, unscope(key))
        except Rejection:
            return False
        return True

    def check_read(self, identity: Identity, name: str) -> None:
        """Return where the identity may read the channel or pattern; else FORBIDDEN or NOT_MEMBER.

        Everybody reads `client.<own id>`, which is there for that. A companion is read by who may
        read its channel, and where that is open to all with a grant, also by a grant for the
        companion.
        """
        if name == f"client.{token(identity.subject)}":
            return
        if name.startswith(COMPANION):
            base = name[len(COMPANION) :]
            if allows(identity, Action.SUBSCRIBE, name) and not self.is_closed(identity, base):
                return
            name = base
        self._check(identity, Action.SUBSCRIBE, name)

    def check_publish(self, identity: Identity, name: str) -> Policy:
        """Return the policy of a channel that the identity may publish to.

        Else raise FORBIDDEN or NOT_MEMBER.
        """
        first = _first(name)
        if first in SERVER_ONLY:
            raise _forbidden(f"only the server publishes under {first}.", name)
        if first == "client" and identity.kind is not Kind.SERVICE:
            raise _forbidden("only services publish under client.", name)
        self._check(identity, Action.PUBLISH, name)
        key = identity.key(name)
        self.is_private(key)  # from here on a channel that is private by rule is known by name
        policy = self.policy(key)
        if not _publishes(identity, policy.publishers, name):
            raise _forbidden("the channel's policy does not let you publish", name)
        return policy

    def check_manage(self, identity: Identity, name: str) -> None:
        """Return where the identity may change the channel; else raise FORBIDDEN."""
        first = _first(name)
        if first in SERVER_ONLY or first in self.owns:
            raise _forbidden(f"channels under {first}. are the server's own", name)
        authorize(identity, Action.MANAGE, name)

    def private_matching(self, identity: Identity, pattern_key: str) -> list[str]:
        """Return the private channels that a pattern matches and the identity may read.

        With their companions. They are delivered to a follower of the pattern as if it followed
        them by name; it asks again at each change.
        """
        pattern, tenant = unscope(pattern_key), tenant_of(pattern_key)
        if tenant != identity.tenant:
            return []
        known = self.ledger.private_keys(tenant)
        if not any(Action.MANAGE in grant.actions for grant in identity.grants):
            mine = self.ledger.store.memberships(tenant, identity.subject)
            known = [key for key in mine if key in known]
        shown = [key for key in known if matches(pattern_key, key)]
        if _first(pattern) == _first(COMPANION):
            companions = (scope(tenant, companion(unscope(key))) for key in known)
            shown += [key for key in companions if matches(pattern_key, key)]
        return [key for key in shown if self.may_read(identity, key)]

    def history_floor(self, identity: Identity, key: str) -> int:
        """Return the offset up to which the identity may not read; 0 where it may read all."""
        floor = self.ledger.floor(key)
        policy = self.policy(key)
        if policy.private and not policy.history_before_join:
            member = self.ledger.store.member(key, identity.subject)
            if member is not None and not allows(identity, Action.MANAGE, unscope(key)):
                floor = max(floor, member.joined_offset)
        return floor

    def apply(self, entry: Entry) -> None:
        """Take up a control event, in the order of the log, before the next is offered."""
        if entry.type in BODIES:
            self._change(entry.key, lambda: self.ledger.apply(entry))

    def become(self, truth: Ledger) -> None:
        """Take over what another ledger says: this one has missed control events."""
        for key in truth.known() | self.ledger.known():
            self._change(key, partial(self.ledger.become, key, truth))

    def _change(self, key: str, make: Callable[[], list[Change]]) -> None:
        """Tell of changes of a channel."""
        beside = scope(tenant_of(key), companion(unscope(key)))
        was, was_beside = self.is_private(key), self.is_private(beside)
        for change in make():
            self._is_private.pop(key, None)
            self._is_private.pop(beside, None)
            self._tell(replace(change, was_private=was))
            if change.what is not What.MEMBER_ADDED:
                self._tell(Change(beside, What.POLICY, change.subject, was_private=was_beside))

    def _check(self, identity: Identity, action: Action, name: str) -> None:
        """Decide on a name or pattern that is no companion."""
        first = _first(name)
        if first in self.owns:
            self._check_owned(identity, action, name, first)
        elif not is_pattern(name) and self.policy(identity.key(name)).private:
            self._check_member(identity, action, name)
        else:
            authorize(identity, action, name)

    def _check_owned(self, identity: Identity, action: Action, name: str, first: str) -> None:
        if not is_pattern(name) and self.owns[first](identity, identity.key(name)):
            return
        for grant in identity.grants:
            spelled = _first(grant.pattern) == first and action in grant.actions
            if spelled and covers(grant.pattern, name):
                return
        raise _forbidden(f"no grant allows {action.value} on {name}", name)

    def _check_member(self, identity: Identity, action: Action, name: str) -> None:
        if self._is_insider(identity, name):
            return
        authorize(identity, action, name)
        raise Rejection(Code.NOT_MEMBER, channel=name)

    def _is_insider(self, identity: Identity, name: str) -> bool:
        """Tell whether the identity is a member, or has `manage`."""
        member = self.ledger.store.member(identity.key(name), identity.subject)
        return member is not None or allows(identity, Action.MANAGE, name)

    def _find_private(self, key: str) -> bool:
        """Decide for `is_private`; a channel private by rule is known from its first event on."""
        name = unscope(key)
        if name.startswith(COMPANION):
            base = name[len(COMPANION) :]
            return _first(base) in self.owns or self.is_private(scope(tenant_of(key), base))
        first = _first(name)
        if first in self.owns:
            return first not in GUARDED  # grants that cover those spell the first token anyway
        private = self.policy(key).private
        if private and self.ledger.note_private(key):
            self._tell(Change(key, What.POLICY))
        return private

    def _tell(self, change: Change) -> None:
        for listener in tuple(self.listeners):
            listener(change)


def _publishes(identity: Identity, publishers: Publishers, name: str) -> bool:
    match publishers:
        case Publishers.ANYONE:
            return True
        case Publishers.SERVICES:
            return identity.kind in (Kind.SERVICE, Kind.AGENT)
        case Publishers.OWNER:
            return allows(identity, Action.MANAGE, name)
        case Publishers.SERVER:
            return False


def _first(name: str) -> str:
    return name.partition(".")[0]


def _forbidden(message: str, name: str) -> Rejection:
    return Rejection(Code.FORBIDDEN, message, channel=name)
