"""Whatever is done to the roster: folding its events gives its list."""

import asyncio
import json

from hypothesis import given, settings
from hypothesis import strategies as st

from blackroad.core.identity.identity import Kind
from blackroad.core.presence.entity import Status
from blackroad.realtime.v1 import presence_pb2
from tests.core.presence.world import ADA, BOB, LUCIDIA, TENANT, World, identity, open_world
from tests.effort import examples

ONLINE, AWAY, BUSY = Status.ONLINE, Status.AWAY, Status.BUSY

_CALLS = st.lists(
    st.tuples(
        st.sampled_from(["enter", "update", "leave", "lose", "load", "wait", "step"]),
        st.integers(0, 3),  # whose session
        st.integers(0, 2),  # which of its sessions
        st.sampled_from([ONLINE, AWAY, BUSY]),
        st.sampled_from(["", '{"a":1}', '{"b":2}']),
    ),
    max_size=40,
)

_ENTITIES = (ADA, BOB, LUCIDIA, identity("ada", Kind.SERVICE))


@settings(max_examples=examples(60), deadline=None)
@given(_CALLS)
def test_folding_the_events_gives_the_list(calls: list[tuple[str, int, int, Status, str]]) -> None:
    asyncio.run(_fold_and_compare(calls))


async def _fold_and_compare(calls: list[tuple[str, int, int, Status, str]]) -> None:
    folded: dict[tuple[object, object], dict[str, object]] = {}
    async with open_world() as world:
        for call in calls:
            await act(world, *call)
            for fields in await world.told() if call[0] == "step" else []:
                folded[fields["entity_type"], fields["entity_id"]] = fields
        for fields in await world.told() + await world.pass_time(1):
            known = folded.get((fields["entity_type"], fields["entity_id"]), {"version": 0})
            assert _version(fields) > _version(known)
            folded[fields["entity_type"], fields["entity_id"]] = fields
        here, _ = world.roster.list(TENANT)
        expected = {
            (Kind(world_kind(each)).value, each.entity_id): (
                Status(each.status).word,
                json.loads(each.metadata_json),
                len(each.sessions),
                each.version,
            )
            for each in here
        }
        assert expected == {
            key: (fields["status"], fields["metadata"], fields["sessions"], fields["version"])
            for key, fields in folded.items()
            if fields["status"] != "offline"
        }


def _version(fields: dict[str, object]) -> int:
    assert isinstance(fields["version"], int)
    return fields["version"]


def world_kind(presence: presence_pb2.Presence) -> Kind:
    return next(kind for kind in Kind if kind.wire == presence.entity_type)


async def act(
    world: World, what: str, whose: int, which: int, said: Status, metadata_json: str
) -> None:
    """Do one thing to the roster."""
    who, session_id = _ENTITIES[whose], f"se_{whose}_{which}"
    present = world.roster.entry(session_id) is not None
    match what:
        case "enter":
            await world.roster.enter(who, session_id, said, metadata_json, max_concurrency=which)
        case "update" if present:
            await world.roster.update(session_id, said, metadata_json or None)
        case "leave" | "lose":
            await world.roster.leave(session_id, what == "leave")
        case "load":
            world.roster.load(session_id, which)
        case "wait":
            world.clock.advance(which + 0.5)
        case _:
            await world.roster.step()
