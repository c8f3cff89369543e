"""Patterns: `*` is one token, a last `>` is one or more."""

import pytest

from tests.conformance.conftest import Deployment
from tests.conformance.doors import Door
from tests.conformance.records import Refused

MATCHES = {
    "a.*": ["a.b", "a.c"],
    "*.b": ["a.b", "c.b"],
    "a.>": ["a.b", "a.c", "a.b.c", "a.b.c.d"],
    "a.**": ["a.b", "a.c", "a.b.c", "a.b.c.d"],
    "a.*.c": ["a.b.c"],
    "*.*": ["a.b", "a.c", "c.b"],
    ">": ["a", "a.b", "a.c", "c.b", "a.b.c", "a.b.c.d"],
    "a": ["a"],
}
ROOMS = ["a", "a.b", "a.c", "c.b", "a.b.c", "a.b.c.d"]


@pytest.mark.parametrize("pattern", MATCHES, ids=lambda pattern: pattern)
async def test_a_pattern_delivers_what_it_matches(door: Door, room: str, pattern: str) -> None:
    async with door.session("reader") as reader, door.session("writer") as writer:
        await reader.subscribe(f"{room}.{pattern}")
        for name in ROOMS:
            await writer.publish(f"{room}.{name}", name)
        expected = MATCHES[pattern]
        events = await reader.inbox.events(len(expected))
        # Nothing else came: the next one is the next that we publish.
        last = await writer.publish(f"{room}.{expected[0]}", "last")
        assert (await reader.inbox.event()).event_id == last.event_id
    assert [event.content for event in events] == expected
    assert [event.channel for event in events] == [f"{room}.{name}" for name in expected]


@pytest.mark.parametrize(
    "pattern", ["a.>.b", "a.**.b", "a*", "a.b*.c", "a..b", ".a", "a.", "a b", "", "ä", "a/b"]
)
async def test_what_is_no_pattern_is_refused(door: Door, pattern: str) -> None:
    async with door.session("reader") as reader:
        with pytest.raises(Refused) as refused:
            await reader.subscribe(f"conformance.{pattern}" if pattern else "conformance..")
        assert refused.value.code == "invalid_name"


async def test_a_wildcard_in_front_never_covers_guarded_names(
    door: Door, deployment: Deployment, room: str
) -> None:
    service = deployment.door("grpc")
    async with door.session("reader") as reader, service.session() as writer:
        await reader.subscribe(f"*.{room}")
        seen = await writer.publish(f"client.{room}", "by name only")
        last = await writer.publish(f"x.{room}", "last")
        event = await reader.inbox.event()
    assert seen.event_id != last.event_id
    assert event.event_id == last.event_id
