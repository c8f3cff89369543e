"""Who is here by other nodes, and what a node told without having heard all of them."""

from collections.abc import AsyncGenerator

import pytest

from blackroad.core.errors import Code, Rejection
from blackroad.core.fleet.board import Board
from blackroad.core.fleet.words import Items
from blackroad.core.identity.identity import Kind
from blackroad.core.log.base import Append, Fence
from blackroad.core.presence.entity import Status, entity_of
from blackroad.core.presence.record import Stay
from blackroad.core.presence.roster import Roster
from blackroad.core.presence.shared import TOPIC, encoded
from tests.core.presence.world import ADA, BOB, TENANT, World, open_world

NODE = "n2"
GRACE_SECONDS = 5.0


class Others(World):
    """A node whose board the test writes: what comes of it, and in which order."""

    def __init__(self) -> None:
        super().__init__()
        self.board = Board(self.log, "me", alone=False)
        self.roster = Roster(self.log, self.publisher, self.clock, "n1", board=self.board)
        self._order = 0

    def hear(
        self, node: str, *sessions: str, gone: str = "", whole: bool = False, missed: bool = False
    ) -> None:
        """Hear that a node has, or has no more, sessions; `whole`: these and no others."""
        self._order += 1
        here = [(TOPIC, one, encoded(_stay(one))) for one in sessions]
        away = [(TOPIC, gone, None)] if gone else []
        items = Items(node, [*here, *away], first=whole, last=whole)
        self.board.take(items, self._order, missed=missed)

    def lose(self, node: str) -> None:
        """Hear that a node was lost, whose clients are this one's to tell of."""
        self._order += 1
        self.board.lose(node, self._order, heir=self.board.node)

    def nodes_of_ada(self) -> list[str]:
        """Return by which nodes the first user is here, as this one shows it."""
        return [one.node for one in self.roster.get(TENANT, Kind.USER, "ada").sessions]


def _stay(session_id: str) -> Stay:
    who = entity_of(BOB if session_id == "se_b" else ADA)
    return Stay(session_id, who, Status.ONLINE, "{}", (), None, NODE, 0, 0, 0.0)


@pytest.fixture
async def others() -> AsyncGenerator[Others]:
    """Return the parts of a node among others."""
    world = Others()
    async with open_world(world):
        yield world


async def test_who_came_unheard_is_told_to_be_here_once_that_is_heard(others: Others) -> None:
    # This node does not hear that Ada came to the other: when she leaves here, it tells that she
    # is gone, knowing more than when the other told that she is here.
    others.roster.arrive(ADA, "se_1")
    others.hear("me", "se_1")
    await others.statuses()
    others.roster.depart("se_1", clean=True)
    others.hear("me", gone="se_1")
    assert await others.statuses() == [("ada", "offline")]
    others.hear("other", "se_2", whole=True, missed=True)
    assert await others.statuses() == [("ada", "online")]
    others.hear("other", "se_2", whole=True, missed=True)
    assert await others.statuses() == []


async def test_who_left_unheard_is_told_to_be_gone_once_that_is_heard(others: Others) -> None:
    others.hear("other", "se_2")
    assert await others.statuses() == [], "its own node tells it"
    others.hear("other", whole=True, missed=True)
    assert await others.statuses() == [("ada", "offline")]


async def test_what_others_say_to_who_has_missed_nothing_is_theirs_to_tell(others: Others) -> None:
    others.hear("other", "se_2", whole=True)
    others.hear("other", whole=True)
    assert await others.statuses() == []


async def test_in_the_end_a_node_tells_again_who_is_here_by_it_and_who_was(others: Others) -> None:
    for who, session_id in ((ADA, "se_1"), (BOB, "se_b")):
        others.roster.arrive(who, session_id)
    others.hear("me", "se_1", "se_b")
    assert await others.statuses() == [("ada", "online"), ("bob", "online")]
    others.roster.depart("se_b", clean=True)
    others.hear("me", gone="se_b")
    others.hear("other", "se_2")
    assert await others.statuses() == [("bob", "offline")]
    others.roster.retell(100)
    assert await others.statuses() == [("ada", "online"), ("bob", "offline")]
    word = others.publisher.record("presence.user.ada", "presence.status")
    late = Append("acme.presence.user.ada", [word], fence=Fence(99))
    (answer,) = await others.log.append([late])
    assert isinstance(answer, Rejection), "nobody who knows less has the last word"
    assert answer.code is Code.CONFLICT
    others.clock.advance(61)
    others.roster.retell(200)
    assert await others.statuses() == [("ada", "online")], "who left long ago is known everywhere"


async def test_a_session_that_was_lost_here_and_is_elsewhere_shows_once(others: Others) -> None:
    others.roster.arrive(ADA, "se_1")
    others.roster.depart("se_1", clean=False)
    others.hear("other", "se_1")
    assert others.roster.entry("se_1") is None
    shown = others.roster.get(TENANT, Kind.USER, "ada")
    assert [(one.session_id, one.node) for one in shown.sessions] == [("se_1", "n2")]


async def test_a_session_that_is_here_is_not_elsewhere_whatever_others_say(others: Others) -> None:
    stay = others.roster.arrive(ADA, "se_1")
    others.hear("other", "se_1")
    assert others.roster.entry("se_1") is stay
    shown = others.roster.get(TENANT, Kind.USER, "ada")
    assert [(one.session_id, one.node) for one in shown.sessions] == [("se_1", "n1")]


async def test_who_was_at_a_lost_node_has_the_grace_to_come_by_another(others: Others) -> None:
    others.hear("lost", "se_1", "se_b")
    others.lose("lost")
    assert await others.statuses() == []
    others.hear("other", "se_1")
    assert await others.pass_time(GRACE_SECONDS - 0.1) == []
    assert await others.pass_time(0.2) == []
    others.hear("me", gone="se_b")
    assert await others.statuses() == [("bob", "offline")]
    assert others.nodes_of_ada() == [NODE]


async def test_a_session_that_two_nodes_claim_is_here_until_both_let_it_go(others: Others) -> None:
    # Its connection moved while its first node stood still, which then says what it had.
    others.hear("moved", "se_1")
    others.hear("stood still", "se_1", whole=True)
    others.hear("stood still", gone="se_1")
    assert others.nodes_of_ada() == [NODE]
    others.hear("moved", gone="se_1")
    assert others.nodes_of_ada() == []


async def test_a_session_that_moved_before_its_loss_was_known_is_where_it_moved(
    others: Others,
) -> None:
    others.roster.arrive(ADA, "se_1")
    others.hear("me", "se_1")
    assert await others.statuses() == [("ada", "online")]
    others.hear("other", "se_1")
    others.roster.depart("se_1", clean=False)
    assert await others.pass_time(GRACE_SECONDS) == []
    others.hear("me", gone="se_1")
    assert await others.statuses() == []
    assert others.nodes_of_ada() == [NODE]
