"""Which rule's policy a channel has that nobody made."""

import pytest

from blackroad.core.channel.policy import Policy, Publishers
from blackroad.core.channel.rules import Rules
from blackroad.core.settings import NamespaceSettings


def limits(of: dict[str, int]) -> Rules:
    """Return rules that differ in max_members."""
    return Rules({pattern: NamespaceSettings(max_members=n) for pattern, n in of.items()})


def test_a_channel_without_a_rule_has_the_defaults() -> None:
    assert Rules({}).policy("lobby") == Policy()


def test_the_longest_matching_rule_wins() -> None:
    rules = limits({">": 1, "team.>": 2, "team.*.notes": 3, "team.red.notes": 4})
    names = ["lobby", "team.red", "team.blue.notes", "team.red.notes", "team.red.notes.old"]
    assert [rules.policy(name).max_members for name in names] == [1, 2, 3, 4, 2]


def test_the_default_channels_stand_with_their_policies() -> None:
    rules = Rules({})
    assert rules.policy("agents") == Policy(presence=True, max_members=0)
    assert rules.policy("tasks") == Policy()
    assert rules.policy("alerts") == Policy(publishers=Publishers.SERVICES)
    assert rules.policy("broadcast") == Policy()


def test_a_rule_may_change_a_default_channel() -> None:
    assert limits({"agents": 7}).policy("agents").max_members == 7


@pytest.mark.parametrize("name", ["presence.agent.ECHO", "stream.st_1", "system.control"])
def test_a_wildcard_rule_does_not_reach_what_only_the_server_publishes(name: str) -> None:
    rules = Rules({">": NamespaceSettings(access="private")})
    assert rules.policy("lobby").private
    assert not rules.policy(name).private
    assert rules.policy(name).publishers is Publishers.SERVER


def test_many_names_do_not_fill_the_memory() -> None:
    rules = limits({"a.>": 5})
    assert all(rules.policy(f"a.n{n}").max_members == 5 for n in range(70_000))
