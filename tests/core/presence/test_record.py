"""What the entries of an entity come to."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.identity.identity import Kind
from blackroad.core.presence.entity import Entity, Status, entity_at
from blackroad.core.presence.record import ABSENT, SHOWN_SESSIONS, Record, Stay, merge, rfc3339

ONLINE, AWAY, BUSY = Status.ONLINE, Status.AWAY, Status.BUSY


def stay(status: Status = ONLINE, *, number: int = 0, **fields: object) -> Stay:
    given = {"metadata_json": "{}", "capabilities": (), "capacity": None, "spoke": 0} | fields
    entity = Entity("acme", Kind.AGENT, "x")
    return Stay(f"se_{number}", entity, status, node="n1", connected_ns=1, renewed=0.0, **given)  # type: ignore[arg-type]  # the fields by name


@pytest.mark.parametrize(
    ("statuses", "merged"),
    [
        ([ONLINE, BUSY, AWAY], ONLINE),
        ([AWAY, BUSY], BUSY),
        ([AWAY, AWAY], AWAY),
        ([], Status.OFFLINE),
    ],
)
def test_online_goes_before_busy_before_away_before_offline(
    statuses: list[Status], merged: Status
) -> None:
    assert merge([stay(status) for status in statuses], Kind.USER).status is merged


def test_an_agent_is_busy_only_where_every_worker_is() -> None:
    full, free, visible = stay(capacity=2, active=2), stay(capacity=2, active=1), stay(ONLINE)
    assert merge([full, visible], Kind.AGENT).status is BUSY
    assert merge([full, free], Kind.AGENT).status is ONLINE
    assert merge([full, visible], Kind.SERVICE).status is ONLINE


def test_what_a_worker_says_itself_stays_when_its_hands_are_full() -> None:
    assert stay(AWAY, capacity=1, active=1).present_as is AWAY
    assert stay(ONLINE, capacity=0).present_as is BUSY


def test_the_metadata_is_of_the_session_that_spoke_last() -> None:
    first = stay(number=1, metadata_json='{"a":1}', spoke=5)
    second = stay(number=2, metadata_json='{"a":2}', spoke=9)
    silent = stay(number=3)
    assert merge([first, second, silent], Kind.USER).metadata_json == '{"a":2}'
    assert merge([first, silent], Kind.USER).metadata_json == '{"a":1}'


_STAYS = st.lists(
    st.builds(
        stay,
        st.sampled_from([ONLINE, AWAY, BUSY]),
        number=st.integers(0, 99),
        metadata_json=st.sampled_from(["{}", '{"a":1}', '{"b":2}']),
        capabilities=st.sampled_from([(), ("code",), ("code", "search")]),
        capacity=st.sampled_from([None, 0, 1, 2]),
        active=st.integers(0, 2),
        spoke=st.integers(0, 3),
    ),
    unique_by=lambda made: made.session_id,
    max_size=6,
)


@given(_STAYS, st.randoms(use_true_random=False), st.sampled_from([Kind.AGENT, Kind.USER]))
def test_the_order_of_sessions_does_not_matter(
    stays: list[Stay], shuffler: Random, kind: Kind
) -> None:
    shuffled = list(stays)
    shuffler.shuffle(shuffled)
    assert merge(stays, kind) == merge(shuffled, kind)
    assert (merge(stays, kind) == ABSENT) is (not stays)


def test_a_record_shows_its_oldest_sessions_up_to_a_bound() -> None:
    record = Record(Entity("acme", Kind.SERVICE, "x"))
    for number in range(SHOWN_SESSIONS + 5):
        record.stays[f"se_{number}"] = stay(number=number)
    shown = [session.session_id for session in record.presence(1).sessions]
    assert shown == [f"se_{number}" for number in range(SHOWN_SESSIONS)]
    for each in record.stays.values():
        each.metadata_json = '{"a":"' + "x" * 4000 + '"}'
    assert record.presence(1).ByteSize() < 300_000


def test_the_version_grows_with_every_change_and_across_restarts() -> None:
    record = Record(Entity("acme", Kind.SERVICE, "x"))
    versions: list[int] = []
    for now_ns in (5_000_000_000, 5_000_000_000, 4_000_000_000, 9_000_000_000):
        record.touch(now_ns)
        versions.append(record.version)
    assert versions == [5000, 5001, 5002, 9000]


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=40)
)
def test_an_entity_is_found_again_by_its_key(identifier: str) -> None:
    for kind in (Kind.AGENT, Kind.USER, Kind.SERVICE):
        entity = Entity("acme", kind, identifier)
        assert entity_at(entity.key) == entity


def test_the_companion_of_a_channel_is_no_entity() -> None:
    assert entity_at("acme.presence.channel.lobby") is None
    assert entity_at("acme.presence.channel.agent.x") is None


def test_times_are_told_in_utc_with_milliseconds() -> None:
    assert rfc3339(1_700_000_000_123_999_999) == "2023-11-14T22:13:20.123Z"
