"""Order: one order for each partition, offsets and sequences without holes, all or none."""

from blackroad.core.errors import Rejection
from blackroad.core.log.base import Appended, Log
from blackroad.core.log.entry import Position
from tests.contract.log.steps import ALL, OTHER, ROOM, catch_up, put, request, say, texts


async def test_offsets_of_a_channel_have_no_holes(log: Log) -> None:
    answers = [await say(log, ROOM, "a"), await say(log, ROOM, "b", "c"), await say(log, ROOM, "d")]
    first = answers[0].first_offset
    assert [answer.first_offset - first for answer in answers] == [0, 1, 3]
    assert [answer.last_offset - first for answer in answers] == [0, 2, 3]


async def test_offsets_of_a_channel_do_not_depend_on_its_neighbours(log: Log) -> None:
    before = await say(log, ROOM, "a")
    await say(log, OTHER, "x", "y")
    assert (await say(log, ROOM, "b")).first_offset == before.last_offset + 1


async def test_sequences_of_a_partition_have_no_holes(log: Log) -> None:
    start = log.heads()
    for number in range(5):
        await say(log, ROOM, f"a{number}")
        await say(log, OTHER, f"b{number}", f"c{number}")
    entries = await catch_up(log, [ALL], start)
    first = entries[0].sequence
    assert [entry.sequence for entry in entries] == list(range(first, first + 15))
    assert len({entry.epoch for entry in entries}) == 1


async def test_events_come_in_the_order_of_their_acknowledgements(log: Log) -> None:
    start = log.heads()
    said = [f"event {number}" for number in range(20)]
    for number, text in enumerate(said):
        await say(log, (ROOM, OTHER)[number % 2], text)
    assert texts(await catch_up(log, [ALL], start)) == said


async def test_an_answer_says_what_the_entries_have(log: Log) -> None:
    start = log.heads()
    answer = await say(log, ROOM, "a", "b")
    entries = await catch_up(log, [ROOM], start)
    assert answer.ids == ("a", "b")
    assert [entry.offset for entry in entries] == [answer.first_offset, answer.last_offset]
    assert entries[-1].position == answer.position
    assert {entry.partition for entry in entries} == {answer.partition}
    assert {entry.time_ns for entry in entries} == {answer.time_ns}
    assert not answer.duplicate


async def test_a_batch_answers_each_append_in_its_place(log: Log) -> None:
    start = log.heads()
    answers = await log.append(
        [
            request(ROOM, "a"),
            request(ROOM, "refused", "refused too", expected_offset=1 << 40),
            request(OTHER, "b"),
            request(ROOM, "c"),
        ]
    )
    assert [isinstance(answer, Rejection) for answer in answers] == [False, True, False, False]
    await say(log, ROOM, "d")
    assert texts(await catch_up(log, [ALL], start)) == ["a", "b", "c", "d"]


async def test_a_refused_append_leaves_no_trace(log: Log) -> None:
    state = await log.state(ROOM)
    assert state is None
    await log.append([request(ROOM, "refused", expected_offset=7)])
    assert await log.state(ROOM) is None
    assert await log.names(ALL, "", 10) == []


async def test_each_entry_knows_its_channel_and_type(log: Log) -> None:
    start = log.heads()
    await say(log, ROOM, "a")
    await say(log, OTHER, "b")
    entries = await catch_up(log, [ALL], start)
    assert [(entry.key, entry.type) for entry in entries] == [(ROOM, "message"), (OTHER, "message")]


async def test_times_never_go_back(log: Log) -> None:
    answers: list[Appended] = [await say(log, ROOM, str(number)) for number in range(5)]
    times = [answer.time_ns for answer in answers]
    assert times == sorted(times)


async def test_a_parsed_event_says_its_place(log: Log) -> None:
    start = log.heads()
    answer = await put(log, request(ROOM, "a"))
    (entry,) = await catch_up(log, [ROOM], start)
    entry.heads = log.heads()
    event = entry.event
    assert event.text == "a"
    assert event.offset == answer.last_offset
    assert Position(event.epoch, event.sequence) == answer.position
