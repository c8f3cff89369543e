"""Whatever is appended, from wherever it is read: the log is the list that a model has."""

import asyncio
from collections import defaultdict
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.log.base import Keep
from blackroad.core.log.entry import Positions
from blackroad.core.topics import matches
from tests.contract.log.engines import EVERY_ENGINE, Engine
from tests.contract.log.steps import catch_up, put, request, texts

KEYS = ["acme.a", "acme.a.b", "acme.a.b.c", "acme.b", "acme.b.b", "acme.presence.a", "beta.a"]
PATTERNS = ["acme.>", "acme.*", "acme.*.b", "acme.a.>", "acme.presence.>", "acme.a.*.c", "beta.*"]

appends = st.lists(st.tuples(st.sampled_from(KEYS), st.integers(1, 3)), max_size=25)
topics = st.lists(st.sampled_from(KEYS + PATTERNS), min_size=1, max_size=4, unique=True)
every_engine = pytest.mark.parametrize("make", EVERY_ENGINE)


@every_engine
@given(said=appends, selected=topics, max_bytes=st.integers(1, 2_000), data=st.data())
def test_pages_from_any_place_to_any_other_are_exactly_what_lies_between(
    make: Callable[[], Engine],
    said: list[tuple[str, int]],
    selected: list[str],
    max_bytes: int,
    data: st.DataObject,
) -> None:
    begins = data.draw(st.integers(0, len(said)))
    ends = data.draw(st.integers(begins, len(said)))

    async def scenario() -> None:
        async with make().open() as log:
            places: list[Positions] = [log.heads()]
            for number, (key, size) in enumerate(said):
                await put(log, request(key, *[f"{number}.{nth}" for nth in range(size)]))
                places.append(log.heads())
            entries = await catch_up(
                log, selected, places[begins], until=places[ends], max_bytes=max_bytes
            )
            expected: dict[str, list[str]] = defaultdict(list)
            for number, (key, size) in enumerate(said[begins:ends], begins):
                if any(matches(topic, key) for topic in selected):
                    expected[key] += [f"{number}.{nth}" for nth in range(size)]
            found: dict[str, list[str]] = defaultdict(list)
            for entry, text in zip(entries, texts(entries), strict=True):
                found[entry.key].append(text)
            assert found == expected
            places_found = [(entry.partition, entry.sequence) for entry in entries]
            assert len(set(places_found)) == len(places_found)
            for partition in range(log.partitions):
                own = [sequence for number, sequence in places_found if number == partition]
                assert own == sorted(own)

    asyncio.run(scenario())


@every_engine
@given(
    said=st.lists(st.tuples(st.integers(1, 5), st.integers(0, 6)), max_size=12),
    limit=st.integers(1, 10),
    before=st.none() | st.integers(0, 40),
    after=st.none() | st.integers(0, 40),
)
def test_a_page_of_history_is_the_slice_that_a_list_would_give(
    make: Callable[[], Engine],
    said: list[tuple[int, int]],
    limit: int,
    before: int | None,
    after: int | None,
) -> None:
    async def scenario() -> None:
        async with make().open() as log:
            kept: list[tuple[int, str]] = []
            base = 0
            for number, (size, keep) in enumerate(said):
                words = [f"{number}.{nth}" for nth in range(size)]
                answer = await put(log, request("acme.a", *words, keep=Keep(events=keep)))
                if number == 0:
                    base = answer.first_offset
                kept += [(answer.first_offset - base + nth, word) for nth, word in enumerate(words)]
                kept = kept[max(0, len(kept) - keep) :]
            page = await log.history(
                "acme.a",
                limit,
                before=None if before is None else before + base,
                after=None if after is None else after + base,
            )
            wanted = [
                word
                for offset, word in kept
                if (before is None or offset < before) and (after is None or offset > after)
            ]
            shown = wanted[:limit] if after is not None else wanted[-limit:]
            assert texts(page.entries) == shown
            assert page.more == (len(wanted) > limit)

    asyncio.run(scenario())


@every_engine
@given(said=appends, cut=st.integers(0, 25), limit=st.integers(1, 6))
def test_names_and_offsets_are_those_of_a_dict(
    make: Callable[[], Engine], said: list[tuple[str, int]], cut: int, limit: int
) -> None:
    async def scenario() -> None:
        async with make().open() as log:
            offsets: dict[str, int] = {}
            for number, (key, size) in enumerate(said):
                answer = await put(log, request(key, *["x"] * size))
                if key in offsets:
                    assert answer.first_offset == offsets[key] + 1
                offsets[key] = answer.last_offset
                if number == cut:
                    await log.names("acme.>", "", 3)
            for pattern in PATTERNS:
                found: list[str] = []
                while page := await log.names(pattern, found[-1] if found else "", limit):
                    found += page
                assert found == sorted(key for key in offsets if matches(pattern, key))

    asyncio.run(scenario())
