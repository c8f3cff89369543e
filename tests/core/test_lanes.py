"""Lanes: order within one, none between them, a bound for all."""

import asyncio
from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from blackroad.core.lanes import Lanes

SECONDS = 10.0
Request = tuple[int, int]  # whose it is, and which one of all


class Desk:
    """Serves what is asked when its gate is open."""

    def __init__(self, most: int = 1024, most_bytes: int = 1 << 20) -> None:
        self.began: list[Request] = []
        self.served: list[Request] = []
        self.gates: dict[int, asyncio.Event] = defaultdict(asyncio.Event)
        self.lanes: Lanes[int, Request] = Lanes(self.serve, most, most_bytes)

    async def serve(self, request: Request) -> None:
        self.began.append(request)
        await self.gates[request[0]].wait()
        self.served.append(request)


async def settled() -> None:
    """Let what can go on go on."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_waits_holds_up_the_next_of_the_same_and_nobody_else() -> None:
    desk = Desk()
    desk.gates[2].set()
    for request in ((1, 0), (1, 1), (2, 2), (2, 3)):
        await desk.lanes.put(request[0], request, 1)
    await settled()
    assert desk.served == [(2, 2), (2, 3)]
    assert desk.began == [(1, 0), (2, 2), (2, 3)]
    desk.gates[1].set()
    await asyncio.wait_for(desk.lanes.idle(), SECONDS)
    assert desk.served == [(2, 2), (2, 3), (1, 0), (1, 1)]


async def test_one_request_too_many_waits_for_its_place() -> None:
    desk = Desk(most=2)
    await desk.lanes.put(1, (1, 0), 1)
    await desk.lanes.put(2, (2, 1), 1)
    third = asyncio.ensure_future(desk.lanes.put(3, (3, 2), 1))
    await settled()
    assert not third.done()
    desk.gates[2].set()
    await asyncio.wait_for(third, SECONDS)
    await settled()
    assert desk.began == [(1, 0), (2, 1), (3, 2)]
    desk.lanes.close()


async def test_one_request_beyond_the_bytes_is_taken_and_the_next_waits() -> None:
    desk = Desk(most_bytes=10)
    await desk.lanes.put(1, (1, 0), 100)
    second = asyncio.ensure_future(desk.lanes.put(2, (2, 1), 1))
    await settled()
    assert not second.done()
    desk.gates[1].set()
    await asyncio.wait_for(second, SECONDS)
    desk.lanes.close()


async def test_closing_cancels_what_is_in_progress_and_drops_what_waits() -> None:
    desk = Desk()
    await desk.lanes.put(1, (1, 0), 1)
    await desk.lanes.put(1, (1, 1), 1)
    await settled()
    desk.lanes.close()
    desk.lanes.close()
    desk.gates[1].set()
    await settled()
    assert desk.began == [(1, 0)]
    assert desk.served == []


@given(st.lists(st.integers(0, 3)), st.lists(st.integers(0, 3)))
def test_each_is_served_once_and_in_the_order_of_its_own(
    asked: list[int], opened: list[int]
) -> None:
    async def play() -> None:
        desk = Desk(most=5)
        requests = [(number, place) for place, number in enumerate(asked)]

        async def ask() -> None:
            for request in requests:
                await desk.lanes.put(request[0], request, 1)

        asking = asyncio.ensure_future(ask())
        for number in (*opened, 0, 1, 2, 3):
            await settled()
            desk.gates[number].set()
        await asyncio.wait_for(asking, SECONDS)
        await asyncio.wait_for(desk.lanes.idle(), SECONDS)
        assert sorted(desk.served) == sorted(requests)
        for number in range(4):
            own = [request for request in requests if request[0] == number]
            assert [request for request in desk.served if request[0] == number] == own

    asyncio.run(play())
