"""The trie and the single match agree with a naive matcher, and what is removed leaves nothing."""

import gc
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.names import GUARDED
from blackroad.core.topics import Branch, Topics, matches


def ending(tokens: list[str], last: str) -> str:
    """Return the pattern of these tokens."""
    return ".".join(["t", *tokens, last])


TOKENS = ["a", "b", "presence", "client", "*"]
tokens = st.sampled_from(TOKENS[:-1])
keys = st.lists(tokens, min_size=1, max_size=5).map(lambda rest: ".".join(["t", *rest]))
patterns = st.builds(
    ending, st.lists(st.sampled_from(TOKENS), max_size=4), st.sampled_from([">", "*", "a"])
)
topics = keys | patterns


def naive(pattern: str, key: str) -> bool:
    """Match token by token."""
    theirs = key.split(".")
    mine = pattern.split(".")
    if mine[1] in ("*", ">") and theirs[1] in GUARDED:
        return False
    while mine:
        head = mine.pop(0)
        if head == ">":
            return bool(theirs)
        if not theirs or head not in ("*", theirs[0]):
            return False
        theirs.pop(0)
    return not theirs


@given(topic=topics, key=keys)
def test_one_match_is_the_naive_one(topic: str, key: str) -> None:
    assert matches(topic, key) == naive(topic, key)


@given(pairs=st.lists(st.tuples(topics, st.integers(0, 5))), key=keys)
def test_the_trie_finds_what_the_naive_matcher_finds_each_value_once(
    pairs: list[tuple[str, int]], key: str
) -> None:
    trie: Topics[int] = Topics()
    for topic, value in pairs:
        trie.add(topic, value)
    found = trie.match(key)
    assert len(found) == len(set(found))
    assert set(found) == {value for topic, value in pairs if naive(topic, key)}


@given(
    kept=st.sets(st.tuples(topics, st.integers(0, 3))),
    gone=st.sets(st.tuples(topics, st.integers(0, 3))),
    key=keys,
)
def test_what_was_removed_is_not_found_and_the_rest_is(
    kept: set[tuple[str, int]], gone: set[tuple[str, int]], key: str
) -> None:
    trie: Topics[int] = Topics()
    for topic, value in kept | gone:
        trie.add(topic, value)
    for topic, value in gone:
        trie.remove(topic, value)
        trie.remove(topic, value)
    assert set(trie.match(key)) == {value for topic, value in kept - gone if naive(topic, key)}
    assert len(trie) == len(kept - gone)


@given(pairs=st.sets(st.tuples(topics, st.integers(0, 3)), min_size=1))
def test_the_last_removal_frees_every_branch(pairs: set[tuple[str, int]]) -> None:
    trie: Topics[int] = Topics()
    for topic, value in pairs:
        trie.add(topic, value)
    for topic, value in pairs:
        trie.remove(topic, value)
    assert len(trie) == 0
    assert nodes(trie) == 1, "the root"


def nodes(thing: object) -> int:
    """Return how many of the trie's nodes an object holds, itself included."""
    held = cast("list[object]", gc.get_referents(thing))
    return isinstance(thing, Branch) + sum(
        nodes(item) for item in held if type(item).__name__ in ("dict", "Branch")
    )


def test_shared_beginnings_are_kept_as_long_as_one_needs_them() -> None:
    trie: Topics[int] = Topics()
    trie.add("t.a.*.c", 1)
    trie.add("t.a.*.>", 2)
    assert nodes(trie) == 5
    trie.remove("t.a.*.c", 1)
    assert nodes(trie) == 4
    assert trie.match("t.a.b.c") == [2]


def test_removing_what_was_never_added_does_nothing() -> None:
    trie: Topics[int] = Topics()
    trie.add("t.a.*", 1)
    for topic in ("t.a.>", "t.*.*", "t.a.b", "t.a", "t.>", "t.a.*.b"):
        trie.remove(topic, 1)
    trie.remove("t.a.*", 2)
    assert trie.match("t.a.b") == [1]
    assert len(trie) == 1


@pytest.mark.parametrize(
    ("pattern", "key", "expected"),
    [
        ("t.agent.LUCIDIA.*", "t.agent.LUCIDIA.a", True),
        ("t.agent.LUCIDIA.*", "t.agent.LUCIDIA.a.b", False),
        ("t.agent.LUCIDIA.*", "t.agent.LUCIDIA", False),
        ("t.agent.>", "t.agent.LUCIDIA.a.b", True),
        ("t.agent.>", "t.agent", False),
        ("t.agents", "t.agent", False),
        ("t.a", "u.a", False),
        ("t.>", "tt.a", False),
        ("t.>", "t.presence.user.ada", False),
        ("t.*.user.ada", "t.presence.user.ada", False),
        ("t.*", "t.client", False),
        ("t.presence.>", "t.presence.user.ada", True),
        ("t.presence.*.ada", "t.presence.user.ada", True),
        ("t.*.presence", "t.a.presence", True),
        ("t.>", "t.presences.a", True),
        ("t.>", "t.client-7", True),
    ],
)
def test_examples(pattern: str, key: str, *, expected: bool) -> None:
    assert matches(pattern, key) is expected
    trie: Topics[str] = Topics()
    trie.add(pattern, "value")
    assert trie.match(key) == ["value"] * expected
