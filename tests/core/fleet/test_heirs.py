"""What a lost node had is its heir's, at every node alike, for the grace."""

import asyncio

from tests.core.fleet.nodes import GRACE_SECONDS, ROOM, Nodes, open_nodes
from tests.core.presence.client import ALL, tracking
from tests.core.presence.world import ADA


async def come(nodes: Nodes, name: str, session_id: str) -> None:
    """Let the first user's session come by a node, and take a seat."""
    nodes[name].roster.arrive(ADA, session_id)
    await sit(nodes, name, session_id)


async def sit(nodes: Nodes, name: str, session_id: str) -> None:
    """Let it take a seat, which has to be in the log."""
    joining = asyncio.ensure_future(nodes[name].occupants.join(ROOM, ADA, session_id))
    await asyncio.sleep(0)
    await nodes.settle()
    await joining


async def test_who_was_at_a_lost_node_is_here_at_every_node_for_the_grace() -> None:
    async with open_nodes("a", "b", "c") as nodes:
        await come(nodes, "a", "se_1")
        nodes.kill("a")
        await nodes.declare_lost("a", by="b")
        nodes.told.clear()
        await nodes.pass_time(GRACE_SECONDS - 0.1)
        for name in ("b", "c"):
            assert (nodes[name].here(), nodes[name].seated()) == (["ada"], ["ada"]), name
        assert nodes.told == []
        await nodes.pass_time(0.2)
        for name in ("b", "c"):
            assert (nodes[name].here(), nodes[name].seated()) == ([], []), name
        assert sorted(nodes.told) == [("ada", "left"), ("ada", "offline")]


async def test_who_comes_by_another_than_the_heir_neither_comes_nor_goes() -> None:
    async with open_nodes("a", "b", "c") as nodes:
        await come(nodes, "a", "se_1")
        nodes.kill("a")
        await nodes.declare_lost("a", by="b")
        nodes.told.clear()
        await come(nodes, "c", "se_1")
        await nodes.pass_time(2 * GRACE_SECONDS)
        assert [one for one in nodes.told if one != ("ada", "online")] == []
        for name in ("b", "c"):
            assert (nodes[name].here(), nodes[name].seated()) == (["ada"], ["ada"]), name


async def test_who_had_come_before_the_loss_was_known_neither_comes_nor_goes() -> None:
    async with open_nodes("a", "b", "c") as nodes:
        await come(nodes, "a", "se_1")
        nodes.kill("a")
        await come(nodes, "c", "se_1")
        nodes.told.clear()
        await nodes.declare_lost("a", by="b")
        await nodes.pass_time(2 * GRACE_SECONDS)
        assert nodes.told == []
        for name in ("b", "c"):
            assert (nodes[name].here(), nodes[name].seated()) == (["ada"], ["ada"]), name


async def test_where_the_heir_is_lost_too_each_leave_is_told_once() -> None:
    async with open_nodes("a", "b", "c", "d") as nodes:
        await come(nodes, "a", "se_1")
        nodes.kill("a")
        await nodes.declare_lost("a", by="b")
        nodes.told.clear()
        nodes.kill("b")
        await nodes.declare_lost("b", by="c")
        await nodes.pass_time(GRACE_SECONDS + 0.1)
        assert sorted(nodes.told) == [("ada", "left"), ("ada", "offline")]
        for name in ("c", "d"):
            assert (nodes[name].here(), nodes[name].seated()) == ([], []), name


async def test_a_node_whose_clock_is_behind_hears_of_a_leave_when_it_is_told() -> None:
    async with open_nodes("a", "b", "c") as nodes:
        await come(nodes, "a", "se_1")
        nodes.kill("a")
        await nodes.declare_lost("a", by="b")
        async with tracking(nodes["c"]) as watcher:
            watcher.send("w", watch=ALL)
            await watcher.until("snapshot")
            await nodes.pass_time(GRACE_SECONDS + 0.1, "b")
            await watcher.answered()
            await watcher.answered()
            assert watcher.told()[-1:] == [("ada", "offline")]
        assert (nodes["c"].here(), nodes["c"].seated()) == ([], [])


async def test_who_is_in_a_full_room_by_two_nodes_leaves_with_the_second() -> None:
    async with open_nodes("a", "b", max_members=1) as nodes:
        await sit(nodes, "a", "se_1")
        await sit(nodes, "b", "se_2")
        nodes.told.clear()
        nodes["a"].occupants.leave(ROOM, ADA, "se_1", clean=True)
        await nodes.settle()
        assert nodes.told == []
        assert nodes["a"].seated() == nodes["b"].seated() == ["ada"]
        nodes["b"].occupants.leave(ROOM, ADA, "se_2", clean=True)
        await nodes.settle()
        assert nodes.told == [("ada", "left")]


async def test_a_node_that_stood_still_says_again_who_is_in_its_full_room() -> None:
    async with open_nodes("a", "b", "c", max_members=1) as nodes:
        await sit(nodes, "a", "se_1")
        nodes.told.clear()
        nodes.stop("a")
        await nodes.declare_lost("a", by="b")
        await nodes.go_on("a")
        await nodes.pass_time(2 * GRACE_SECONDS)
        for name in ("a", "b", "c"):
            assert nodes[name].seated() == ["ada"], name
        assert nodes.told == []


async def test_who_was_told_to_be_gone_from_a_node_that_goes_on_is_told_to_be_here() -> None:
    async with open_nodes("a", "b", "c") as nodes:
        await come(nodes, "a", "se_1")
        nodes.stop("a")
        await nodes.declare_lost("a", by="b")
        await nodes.pass_time(GRACE_SECONDS + 0.1)
        assert sorted(nodes.told[-2:]) == [("ada", "left"), ("ada", "offline")]
        nodes.told.clear()
        await nodes.go_on("a")
        assert sorted(nodes.told) == [("ada", "joined"), ("ada", "online")]
        for name in ("a", "b", "c"):
            assert (nodes[name].here(), nodes[name].seated()) == (["ada"], ["ada"]), name
