"""Default deny; a grant covers a name or a pattern exactly where it covers all that it matches."""

from functools import cache
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.authorize import allows, authorize, covering, covers
from blackroad.core.identity.identity import ALL_ACTIONS, Action, Grant, Identity, Kind, grant
from blackroad.core.topics import matches


def ending(tokens: list[str], last: str) -> str:
    """Return the pattern of these tokens."""
    return ".".join([*tokens, last])


TOKENS = ["a", "b", "client", "presence"]
SHORT_NAMES = [".".join(parts) for size in (1, 2, 3, 4) for parts in product(TOKENS, repeat=size)]

patterns = st.builds(
    ending,
    st.lists(st.sampled_from([*TOKENS, "*"]), max_size=2),
    st.sampled_from([">", "*", "a", "client"]),
)


def identity(*grants: Grant) -> Identity:
    """Return somebody with these grants."""
    return Identity("acme", "ada", Kind.USER, grants)


@cache
def matched(pattern: str) -> set[str]:
    """Return the short names that a pattern matches."""
    return {name for name in SHORT_NAMES if matches(f"t.{pattern}", f"t.{name}")}


@given(patterns, st.sampled_from(SHORT_NAMES))
def test_a_grant_covers_a_name_exactly_where_a_subscription_would_match_it(
    pattern: str, name: str
) -> None:
    assert covers(pattern, name) == matches(f"t.{pattern}", f"t.{name}")


@given(patterns, patterns)
def test_a_grant_covers_a_pattern_exactly_where_it_matches_all_that_it_matches(
    mine: str, theirs: str
) -> None:
    # The patterns have up to three tokens: names of four tell `>` from any number of `*`.
    assert covers(mine, theirs) == (matched(theirs) <= matched(mine))


@pytest.mark.parametrize(
    ("mine", "theirs", "expected"),
    [
        (">", "room.a", True),
        (">", "room.>", True),
        (">", ">", True),
        (">", "*", True),
        ("*", ">", False),
        ("*", "*", True),
        ("*", "room.a", False),
        ("room.>", "room", False),
        ("room.>", "room.*", True),
        ("room.>", "room.*.x.>", True),
        ("room.*", "room.>", False),
        ("room.*", "room.*", True),
        ("room.*", "room.*.*", False),
        ("room.a", "room.*", False),
        ("*.a", "room.a", True),
        ("*.a", "room.*", False),
        (">", "presence.user.ada", False),
        (">", "stream.st_1", False),
        (">", "system.control", False),
        (">", "client.ada", False),
        ("*.ada", "client.ada", False),
        ("client.>", "client.ada", True),
        ("presence.*", "presence.>", False),
        ("stream.*", "stream.st_1", True),
        (">", "clients.ada", True),
    ],
)
def test_examples(mine: str, theirs: str, *, expected: bool) -> None:
    assert covers(mine, theirs) is expected


def test_without_grants_nothing_is_allowed() -> None:
    for action in Action:
        assert not allows(identity(), action, "room.a")
        with pytest.raises(Rejection) as caught:
            authorize(identity(), action, "room.a")
        assert caught.value.code is Code.FORBIDDEN
        assert caught.value.channel == "room.a"


def test_a_grant_allows_its_actions_only() -> None:
    ada = identity(grant("room.*", [Action.SUBSCRIBE, Action.PRESENCE]))
    allowed = {action for action in ALL_ACTIONS if allows(ada, action, "room.a")}
    assert allowed == {Action.SUBSCRIBE, Action.PRESENCE}
    authorize(ada, Action.SUBSCRIBE, "room.a")


def test_two_grants_do_not_cover_a_pattern_together() -> None:
    ada = identity(grant("room.a", [Action.SUBSCRIBE]), grant("room.b", [Action.SUBSCRIBE]))
    assert allows(ada, Action.SUBSCRIBE, "room.b")
    assert not allows(ada, Action.SUBSCRIBE, "room.*")


def test_the_covering_grant_is_the_first_that_does() -> None:
    wide, narrow = grant("room.>", ALL_ACTIONS), grant("room.a", ALL_ACTIONS)
    assert covering(identity(narrow, wide), Action.PUBLISH, "room.a") is narrow
    assert covering(identity(narrow, wide), Action.PUBLISH, "room.b") is wide
    assert covering(identity(narrow, wide), Action.PUBLISH, "hall") is None
