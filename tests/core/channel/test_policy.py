"""A policy's defaults, what a request changes in it, and its way over the wire."""

import msgspec
import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.channel.policy import FIELDS, Access, Policy, Publishers
from blackroad.core.errors import Code, Rejection
from blackroad.realtime.v1 import channel_pb2

policies = st.builds(
    Policy,
    access=st.sampled_from(Access),
    presence=st.booleans(),
    history_limit=st.integers(0, 100_000),
    history_seconds=st.integers(0, 30 * 86400).map(float),
    max_members=st.integers(0, 2**32 - 1),
    publishers=st.sampled_from(Publishers),
    history_before_join=st.booleans(),
)


def test_the_defaults_are_those_of_the_contract() -> None:
    wire = Policy().wire
    assert wire.access == channel_pb2.CHANNEL_ACCESS_PUBLIC
    assert not wire.presence
    assert (wire.history_limit, wire.history_ttl.seconds) == (100, 3600)
    assert wire.max_members == 1000
    assert wire.publishers == channel_pb2.CHANNEL_PUBLISHERS_ANYONE
    assert wire.history_before_join


@given(policies, policies)
def test_what_is_told_of_a_policy_makes_it_again(policy: Policy, other: Policy) -> None:
    assert other.updated(policy.wire, FIELDS.values(), Policy()) == policy


@given(policies)
def test_a_policy_survives_its_event(policy: Policy) -> None:
    assert msgspec.json.decode(msgspec.json.encode(policy), type=Policy) == policy


@given(policies)
def test_what_a_creation_leaves_unset_comes_from_the_default(default: Policy) -> None:
    assert default.created(channel_pb2.ChannelPolicy()) == default


@given(policies, policies, st.sampled_from(sorted(FIELDS.values())))
def test_an_update_changes_only_the_fields_that_it_names(
    policy: Policy, asked: Policy, field: str
) -> None:
    updated = policy.updated(asked.wire, [field], Policy())
    assert getattr(updated, field) == getattr(asked, field)
    assert msgspec.structs.replace(updated, **{field: getattr(policy, field)}) == policy


def test_a_field_that_is_named_but_not_set_returns_to_its_default() -> None:
    policy = Policy(access=Access.PRIVATE, max_members=3)
    asked = channel_pb2.ChannelPolicy()
    assert policy.updated(asked, FIELDS.values(), Policy()) == Policy()


@pytest.mark.parametrize(
    "asked",
    [
        channel_pb2.ChannelPolicy(history_limit=100_001),
        channel_pb2.ChannelPolicy(history_ttl=Duration(seconds=-1)),
        channel_pb2.ChannelPolicy(history_ttl=Duration(seconds=31 * 86400)),
        channel_pb2.ChannelPolicy(access=channel_pb2.ChannelAccess.ValueType(77)),
        channel_pb2.ChannelPolicy(publishers=channel_pb2.ChannelPublishers.ValueType(77)),
    ],
    ids=str,
)
def test_a_value_outside_its_range_is_refused(asked: channel_pb2.ChannelPolicy) -> None:
    with pytest.raises(Rejection) as refused:
        Policy().created(asked)
    assert refused.value.code is Code.BAD_FRAME
