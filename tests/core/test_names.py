"""What is a name, a pattern, a type, a tenant, an id; and how a tenant scopes names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.core import names
from blackroad.core.errors import Code, Rejection

NAMES = [
    "a",
    "agent.LUCIDIA.thinking",
    "task.abc123.progress",
    "agents:LUCIDIA",
    "presence.user.~w6Q",
    "A_b-c~d:e.0",
    ".".join("a" * 16),
    "a" * 255,
]
NOT_NAMES = [
    "",
    ".",
    "a.",
    ".a",
    "a..b",
    "a b",
    "a\n",
    "ä",
    "a/b",
    "a.*",
    "a.>",
    "*",
    ">",
    ".".join("a" * 17),
    "a" * 256,
    "a.b\x00",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_also_a_pattern(name: str) -> None:
    assert names.check_name(name) == name
    assert names.check_pattern(name) == name
    assert not names.is_pattern(name)


@pytest.mark.parametrize("name", NOT_NAMES)
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(Rejection) as caught:
        names.check_name(name)
    assert caught.value.code is Code.INVALID_NAME


@pytest.mark.parametrize(
    ("pattern", "checked"),
    [
        ("*", "*"),
        (">", ">"),
        ("**", ">"),
        ("a.*", "a.*"),
        ("a.**", "a.>"),
        ("a.>", "a.>"),
        ("*.*.b", "*.*.b"),
        ("*.>", "*.>"),
    ],
)
def test_patterns_are_spelled_one_way(pattern: str, checked: str) -> None:
    assert names.check_pattern(pattern) == checked
    assert names.is_pattern(checked)


@pytest.mark.parametrize(
    "pattern",
    ["", "a*", "a.b*", "a.>.b", "**.a", "***", "a.***", "a.*.", ">a", ".".join("*" * 17), "a.>\n"],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(Rejection) as caught:
        names.check_pattern(pattern)
    assert caught.value.code is Code.INVALID_NAME


@pytest.mark.parametrize(
    "event_type", ["message", "room.note".replace("room", "note"), "a:b-c_d.e"]
)
def test_types_of_clients(event_type: str) -> None:
    assert names.check_type(event_type) == event_type


@pytest.mark.parametrize(
    ("event_type", "code"),
    [
        ("", Code.INVALID_NAME),
        ("a b", Code.INVALID_NAME),
        ("a..b", Code.INVALID_NAME),
        ("a\n", Code.INVALID_NAME),
        ("x" * 129, Code.INVALID_NAME),
        ("room.joined", Code.RESERVED_TYPE),
        ("channel.member_joined", Code.RESERVED_TYPE),
        ("presence.change", Code.RESERVED_TYPE),
        ("agent.response", Code.RESERVED_TYPE),
        ("welcome", Code.RESERVED_TYPE),
        ("ping", Code.RESERVED_TYPE),
    ],
)
def test_types_that_clients_may_not_publish(event_type: str, code: Code) -> None:
    with pytest.raises(Rejection) as caught:
        names.check_type(event_type)
    assert caught.value.code is code


@pytest.mark.parametrize("tenant", ["", "a.b", "ä", "a" * 65, "a\n", "*"])
def test_a_tenant_is_one_short_token(tenant: str) -> None:
    assert names.check_tenant("acme-1_x") == "acme-1_x"
    with pytest.raises(Rejection):
        names.check_tenant(tenant)


@pytest.mark.parametrize("identifier", ["ada@example.com", "agent 7", "ä" * 64, "x" * 128])
def test_ids_are_printable_and_short(identifier: str) -> None:
    assert names.check_id(identifier) == identifier


@pytest.mark.parametrize("identifier", ["", "a\n", "\x00", "x" * 129, "ä" * 65, "a\u2028b"])
def test_other_ids_are_refused(identifier: str) -> None:
    with pytest.raises(Rejection) as caught:
        names.check_id(identifier)
    assert caught.value.code is Code.INVALID_NAME


@given(st.text(min_size=1, max_size=40))
def test_every_id_has_a_token_of_its_own_that_is_a_name(identifier: str) -> None:
    try:
        identifier.encode()
    except UnicodeEncodeError:
        return
    assert names.check_name(names.token(identifier))


@given(st.sets(st.text(alphabet="a~.w6Q \n", min_size=1, max_size=6), min_size=2, max_size=20))
def test_different_ids_have_different_tokens(identifiers: set[str]) -> None:
    assert len({names.token(identifier) for identifier in identifiers}) == len(identifiers)


@pytest.mark.parametrize("name", NAMES)
def test_unscoping_gives_back_what_was_scoped(name: str) -> None:
    key = names.scope("acme", name)
    assert names.unscope(key) == name
    assert names.tenant_of(key) == "acme"


def test_the_companion_of_a_pattern_is_a_pattern_of_companions() -> None:
    assert names.companion("room.kitchen") == "presence.channel.room.kitchen"
    assert names.is_pattern(names.companion("room.*"))


@pytest.mark.parametrize("name", ["a b", "x" * 256, ".".join("a" * 17)])
def test_a_bad_name_where_patterns_may_stand_is_told_what_a_name_is(name: str) -> None:
    with pytest.raises(Rejection) as caught:
        names.check_pattern(name)
    for bound in ("A-Za-z0-9", "16 tokens", "255 bytes"):
        assert bound in caught.value.message
