"""The board: what each node says of itself, item by item, for all others to see."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from blackroad.core.errors import Rejection
from blackroad.core.fleet.words import BOARD, COMMON, Items, append_of
from blackroad.core.log.base import Log

MAX_ITEMS: Final = 1000  # in one event
MAX_BYTES: Final = 256 << 10
TICK_SECONDS: Final = 0.01
RETRY_SECONDS: Final = 0.5

Place = tuple[str, str]  # topic and key


class Change(NamedTuple):
    """What became of an item, at one place of the log that is the same for all nodes."""

    node: str  # whose it is, a generation; of what passed to an heir, the heir's
    key: str
    value: bytes | None  # None: it is gone
    mine: bool  # whether this node has said so, or, of a lost one, is to tell clients of it
    order: int = 0  # where in the log, growing; 0 where there is no other node
    lost: bool = False  # whether it went with its node
    former: str = ""  # the lost node from which it passed to `node`, if it did
    reborn: bool = False  # this node was taken for lost: others may have told that it is gone
    anew: bool = False  # it mends what this node has missed: what it told since may be wrong


Listener = Callable[[Change], None]


class Board:
    """Items of this node are written within a tick, those of others are read in the log's order.

    A listener hears each change of an item of its topic once it is in the log: this node's own as
    well, so that who compares items decides as every other node does. What is put and dropped
    within a tick is never written. `alone`: nothing is written, and one hears oneself at once.

    What a lost node had goes with it, or where the topic `passes_on` becomes its heir's, at every
    node alike: the heir has it from then on as if it had put it there, and may drop it.
    """

    def __init__(self, log: Log, node: str, *, alone: bool) -> None:
        self.node = node
        self.alone = alone
        self._log = log
        self._own: dict[Place, bytes] = {}
        self._dirty: dict[Place, None] = {}
        self._others: defaultdict[str, dict[Place, bytes]] = defaultdict(dict)
        self._written: dict[Place, bytes] = {}  # this node's own, as the log has them
        self._seen: dict[str, set[Place]] = {}  # of who is saying all that it has
        self._listeners: dict[str, Listener] = {}
        self._again: set[str] = set()  # topics of which unchanged items are told, too
        self._passing: set[str] = set()  # topics of which a lost node's items pass to its heir
        self._wanted = asyncio.Event()
        self._whole = False
        self._reborn = False  # until all of this node's own is known again

    def listen(
        self, topic: str, listener: Listener, *, again: bool = False, passes_on: bool = False
    ) -> None:
        """Have a function told of a topic's changes; it must not block. One for each topic.

        `again`: also of items that are as they were, where what was missed is said anew.
        """
        self._listeners[topic] = listener
        if again:
            self._again.add(topic)
        if passes_on:
            self._passing.add(topic)

    def put(self, topic: str, key: str, value: bytes) -> None:
        """Have an item on the board, or change it. Never blocks."""
        if self.alone:
            self._tell((topic, key), Change(self.node, key, value, mine=True))
            return
        if self._own.get((topic, key)) != value:
            self._own[topic, key] = value
            self._mark((topic, key))

    def drop(self, topic: str, key: str) -> None:
        """Take an item from the board. Idempotent; never blocks."""
        if self.alone:
            self._tell((topic, key), Change(self.node, key, None, mine=True))
        elif self._own.pop((topic, key), None) is not None:
            self._mark((topic, key))

    def has(self, topic: str, key: str) -> bool:
        """Tell whether this node has an item on the board, or will within a tick."""
        return (topic, key) in self._own

    def items(self, node: str) -> dict[Place, bytes]:
        """Return what another node has on the board."""
        return self._others.get(node, {})

    def claims(self, topic: str, key: str) -> Iterator[tuple[str, bytes]]:
        """Yield which other nodes have an item on the board, and what each has."""
        for node, items in self._others.items():
            if (value := items.get((topic, key))) is not None:
                yield node, value

    def say_all(self) -> None:
        """Say all of this node's items again, soon: somebody may not know them."""
        self._whole = True
        self._wanted.set()

    def rename(self, node: str) -> None:
        """Go on as another generation, which nobody knows yet."""
        self.node = node
        self._written.clear()
        self._reborn = True
        self.say_all()

    def take(self, items: Items, order: int, *, missed: bool = False) -> None:
        """Take up an event of the board. `missed`: this node may not have heard all before it."""
        mine = items.node == self.node
        known = self._written if mine else self._others[items.node]
        if items.first:
            self._seen[items.node] = set()
        seen = self._seen.get(items.node)
        anew, reborn = missed and seen is not None, mine and self._reborn
        change = Change(items.node, "", None, mine, order, anew=anew, reborn=reborn)
        for topic, key, value in items.items:
            if seen is not None:
                seen.add((topic, key))
            self._set(known, (topic, key), change._replace(key=key, value=value))
        self._reborn = self._reborn and not (mine and items.last)
        if items.last and seen is not None:
            del self._seen[items.node]
            for place in [place for place in known if place not in seen]:
                self._set(known, place, change._replace(key=place[1]))

    def lose(self, node: str, order: int, *, heir: str) -> None:
        """Take all items of a node from the board, or pass them to its heir.

        The heir tells clients of it. It says all that it has: it may not have known some of it.
        """
        mine = heir == self.node
        self._seen.pop(node, None)
        for place, value in self._others.pop(node, {}).items():
            change = Change(node, place[1], None, mine, order, lost=True)
            if place[0] in self._passing:
                heirs = self._pass_on(place, value, heir)
                change = change._replace(node=heir, value=heirs, former=node)
            self._tell(place, change)
        if mine:
            self.say_all()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._wanted.wait()
            await asyncio.sleep(TICK_SECONDS)
            self._wanted.clear()
            if not await self.flush():
                self._wanted.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def flush(self) -> bool:
        """Write what is to be written; tell whether the log took it."""
        whole, self._whole = self._whole, False
        dirty, self._dirty = self._dirty, {}
        places = dict.fromkeys((*self._own, *dirty)) if whole else dirty
        events = self._events(list(places), whole=whole)
        if not events:
            return True
        answers = await self._log.append([append_of(COMMON, BOARD, event) for event in events])
        if any(isinstance(answer, Rejection) for answer in answers):
            self._whole = self._whole or whole
            self._dirty = dirty | self._dirty
            return False
        return True

    def _events(self, places: list[Place], *, whole: bool) -> list[Items]:
        runs: list[list[tuple[str, str, bytes | None]]] = []
        size = MAX_BYTES
        for place in places:
            value = self._own.get(place)
            if size >= MAX_BYTES or len(runs[-1]) >= MAX_ITEMS:
                runs.append([])
                size = 0
            size += len(value or b"") + len(place[1])
            runs[-1].append((*place, value))
        if whole and not runs:
            runs.append([])
        last = len(runs) - 1
        return [
            Items(self.node, run, first=whole and not at, last=whole and at == last)
            for at, run in enumerate(runs)
        ]

    def _pass_on(self, place: Place, value: bytes, heir: str) -> bytes:
        """Have an item of a lost node be its heir's; return what that has there: its own first."""
        if heir != self.node:
            return self._others[heir].setdefault(place, value)
        if place not in self._own:
            self._own[place] = self._written[place] = value
        return self._own[place]

    def _set(self, known: dict[Place, bytes], place: Place, change: Change) -> None:
        if known.get(place) == change.value:
            if change.anew and change.value is not None and place[0] in self._again:
                self._tell(place, change)
            return
        if change.value is None:
            del known[place]
        else:
            known[place] = change.value
        self._tell(place, change)

    def _tell(self, place: Place, change: Change) -> None:
        if listener := self._listeners.get(place[0]):
            listener(change)

    def _mark(self, place: Place) -> None:
        self._dirty[place] = None
        self._wanted.set()
