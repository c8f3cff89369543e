"""The policy of a channel that nobody made: by the longest matching rule, or by default."""

from collections.abc import Mapping
from typing import Final

from blackroad.core.channel.policy import Access, Policy, Publishers
from blackroad.core.identity.authorize import covers
from blackroad.core.settings import NamespaceSettings

DEFAULT_CHANNELS: Final[dict[str, Policy]] = {
    "agents": Policy(presence=True, max_members=0),
    "tasks": Policy(),
    "alerts": Policy(publishers=Publishers.SERVICES),
    "broadcast": Policy(),
}
"""They stand from the start, in every tenant, on every node; a namespace rule may change them."""

_BUILT_IN: Final[dict[str, Policy]] = DEFAULT_CHANNELS | {
    "presence.>": Policy(publishers=Publishers.SERVER),
    "stream.>": Policy(publishers=Publishers.SERVER),
    "system.>": Policy(publishers=Publishers.SERVER),
    "client.>": Policy(publishers=Publishers.SERVICES),
}
_MAX_REMEMBERED = 1 << 16


class Rules:
    """The namespace rules of a process. The longest pattern that matches a name rules it.

    A pattern is longer than another when it has more tokens, then when fewer of them are wildcards.
    As in grants, a wildcard at the first place does not match the names that the server guards.
    """

    def __init__(self, namespaces: Mapping[str, NamespaceSettings]) -> None:
        rules = _BUILT_IN | {pattern: _policy(rule) for pattern, rule in namespaces.items()}
        self._rules = sorted(rules.items(), key=lambda rule: _length(rule[0]), reverse=True)
        self._default = Policy()
        self._remembered: dict[str, Policy] = {}

    def policy(self, name: str) -> Policy:
        """Return the policy of a channel by its name."""
        policy = self._remembered.get(name)
        if policy is None:
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            policy = self._remembered[name] = self._find(name)
        return policy

    def _find(self, name: str) -> Policy:
        matching = (policy for pattern, policy in self._rules if covers(pattern, name))
        return next(matching, self._default)


def _length(pattern: str) -> tuple[int, int]:
    tokens = pattern.split(".")
    return len(tokens), -tokens.count("*") - tokens.count(">")


def _policy(rule: NamespaceSettings) -> Policy:
    return Policy(
        access=Access(rule.access),
        presence=rule.presence,
        history_limit=rule.history_limit,
        history_seconds=rule.history_seconds,
        max_members=rule.max_members,
        publishers=Publishers(rule.publishers),
        history_before_join=rule.history_before_join,
    )
