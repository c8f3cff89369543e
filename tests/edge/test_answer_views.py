"""However an answer is cut into pieces, viewed, cut off and joined again: one text, no hole."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from blackroad.client import Agent, Call, Client, Thinking
from blackroad.client.parts import Yielded
from tests.conformance.doors import ENDINGS, Door
from tests.conformance.grpc_door import GrpcDoor
from tests.conformance.records import Update, text_of
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import Frame, WebSocketDoor, WebSocketSession
from tests.edge.rig import EdgeRig
from tests.effort import examples


class Piece(NamedTuple):
    """Something that the agent says, and how long it waits then."""

    text: str
    thinking: bool
    wait_ms: int


# Pieces end anywhere: before a combining mark, between the parts of a family.
PIECES = st.lists(
    st.builds(
        Piece,
        st.text(st.sampled_from("ab ä漢🙂\u0301👩\u200d👧\n"), min_size=1, max_size=6),
        st.booleans(),
        st.sampled_from([0, 0, 0, 1, 10, 50]),
    ),
    min_size=1,
    max_size=40,
)
# Where each viewer is cut: after so many updates, and at which door it goes on.
VIEWERS = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 6)), max_size=4), min_size=1, max_size=5
)


@asynccontextmanager
async def speaking(core: str, pieces: list[Piece]) -> AsyncGenerator[str]:
    """Serve an agent that says these pieces once; give its name."""
    speaker = Agent("SPEAKER", max_concurrency=4)

    @speaker.answer
    async def answer(call: Call) -> AsyncGenerator[Yielded]:
        del call
        for piece in pieces:
            yield Thinking(piece.text) if piece.thinking else piece.text
            if piece.wait_ms:
                await asyncio.sleep(piece.wait_ms / 1000)

    ready = asyncio.Event()
    async with Client(f"grpc://{core}") as client, asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(speaker.serve(client=client, ready=ready.set))
        await asyncio.wait_for(ready.wait(), 5)
        yield "SPEAKER"
        serving.cancel()


def assert_contiguous(frames: list[Frame]) -> None:
    """Each frame begins where the one before it ended; a snapshot may contain the ending."""
    for one, other in pairwise(frame for frame in frames if frame.offset):
        if (one.status, one.offset) == ("snapshot", other.offset):
            assert other.status in ENDINGS
            continue
        assert (other.first_offset or other.offset) == one.offset + 1


async def view(doors: list[Door], stream_id: str, cuts: list[tuple[int, int]]) -> list[Update]:
    """View an answer with these cuts, each time at its door; at the last without one."""
    cursor: str | None = None
    updates: list[Update] = []
    for number, count in [*cuts, (0, 10_000)]:
        async with doors[number].session("viewer") as session:
            joined = await session.join(stream_id, cursor)
            resumed, before = cursor is not None, len(updates)
            for taken in range(1, count + 1):
                updates.append(await joined.update())
                cursor = updates[-1].cursor or cursor
                if updates[-1].status in ENDINGS or taken == count:
                    break
            statuses = {update.status for update in updates[before:]}
            assert not (resumed and "snapshot" in statuses)
            if isinstance(session, WebSocketSession):
                assert_contiguous(answer_frames(session)[: len(updates) - before])
            if updates[-1].status in ENDINGS:
                return updates
            await session.drop()
    raise AssertionError("no ending came")


def answer_frames(session: WebSocketSession) -> list[Frame]:
    return [frame for frame in session.frames if frame.type == "agent.response"]


@settings(
    max_examples=examples(40),
    phases=(Phase.generate,),  # an example that fails waits for what never comes: none is shrunk
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(PIECES, VIEWERS)
async def test_every_viewer_ends_with_the_text_whatever_is_cut(
    core: str, edge: EdgeRig, pieces: list[Piece], viewers: list[list[tuple[int, int]]]
) -> None:
    doors: list[Door] = [WebSocketDoor(edge.address), SseDoor(edge.address), GrpcDoor(core)]
    said = "".join(piece.text for piece in pieces if not piece.thinking)
    async with (
        speaking(core, pieces) as name,
        WebSocketDoor(edge.address).session("invoker") as invoker,
    ):
        own = await invoker.invoke(name, "say it")
        seen = await asyncio.gather(*(view(doors, own.stream_id, cuts) for cuts in viewers))
        assert text_of(await own.rest()) == said
        assert_contiguous(answer_frames(invoker))
    for updates in seen:
        assert text_of(updates) == said


async def test_browsers_get_a_frame_in_40_ms_at_most_and_agents_every_word(
    core: str, edge: EdgeRig
) -> None:
    pieces = [Piece(f"{number} ", thinking=False, wait_ms=2) for number in range(150)]
    async with (
        speaking(core, pieces) as name,
        WebSocketDoor(edge.address).session("browser") as browser,
        GrpcDoor(core).session() as agent,
    ):
        raw = await agent.invoke(name, "say it")
        rolled = await browser.join(raw.stream_id)
        begun = asyncio.get_running_loop().time()
        frames = await rolled.rest()
        seconds = asyncio.get_running_loop().time() - begun
        words = await raw.rest()
    rolled_up = [update for update in frames if update.status == "streaming"]
    assert 2 < len(rolled_up) <= seconds / 0.04 + 3
    assert len([update for update in words if update.status == "streaming"]) == len(pieces)
    assert text_of(frames) == text_of(words)


async def test_a_late_viewer_of_a_very_long_answer_gets_all_of_it(core: str, edge: EdgeRig) -> None:
    pieces = [Piece("漢" * 20_000, thinking=False, wait_ms=0) for _ in range(48)]
    doors: list[Door] = [WebSocketDoor(edge.address), SseDoor(edge.address), GrpcDoor(core)]
    async with speaking(core, pieces) as name, GrpcDoor(core).session() as agent:
        raw = await agent.invoke(name, "say it")
        assert len(text_of(await raw.rest())) == 48 * 20_000
        for number in range(len(doors)):
            updates = await view([doors[number]], raw.stream_id, [])
            assert text_of(updates) == "漢" * 48 * 20_000
