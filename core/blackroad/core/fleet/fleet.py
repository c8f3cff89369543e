"""The nodes of a fleet: who is there, who is lost, and what each says of itself."""

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec
import structlog

from blackroad.core.errors import Rejection
from blackroad.core.fleet.asks import Asks
from blackroad.core.fleet.board import Board
from blackroad.core.fleet.words import (
    ANSWER,
    ASK,
    BEAT,
    COMMON,
    LOST,
    Beat,
    Items,
    Lost,
    append_of,
    data_of,
    inbox,
    order_of,
)
from blackroad.core.hub.hub import Hub
from blackroad.core.log.base import Log
from blackroad.core.log.entry import Entry, Positions
from blackroad.realtime.v1 import admin_pb2

LOG = structlog.get_logger(__name__)

BEAT_SECONDS: Final = 1.0
SILENT_BEATS: Final = 4  # own beats that came back without one of the other
SETTLE_SECONDS: Final = 0.3
SETTLED_SECONDS: Final = 3.0
LEAVE_SECONDS: Final = 1.0
MAX_DEAD: Final = 10_000
SURE_BEATS: Final = 10  # own beats that came back since something was missed


class Peer:
    """Another node, as its beats tell."""

    __slots__ = ("info", "silent")

    def __init__(self, info: bytes) -> None:
        self.info = info  # empty before its first beat
        self.silent = 0


class Fleet:
    """This node among others. `alone`: there are none, and nothing is written or read.

    A node lives while its beats come, judged by one's own: only a beat of this node that came back
    through the log counts against another. Whoever says first that a node is lost has decided it,
    and tells clients what follows; what a lost node says afterwards is passed over. One that hears
    that it was lost goes on as a new generation.

    A node that has missed some of the log asks the others for all that they have. Until they have
    surely said it, or were lost, it is unsure: what it tells clients then may be wrong, and is told
    again when it is mended.
    """

    def __init__(self, log: Log, hub: Hub, *, alone: bool) -> None:
        self.alone = alone
        self.info: Callable[[], admin_pb2.NodeInfo] = admin_pb2.NodeInfo
        self.listeners: list[Callable[[str, bool], None]] = []  # of a lost node; whether it is ours
        self.alert: Callable[[str], None] = _ignore  # told the name of a lost node, at one node
        # Told that nothing is missing any more, and the place in the log of that moment.
        self.sure: Callable[[int], None] = _ignore_place
        self._log = log
        self._hub = hub
        self._node = _generation()
        self.board = Board(log, self._node, alone=alone)
        self.asks = Asks(log, self._node)
        self._peers: dict[str, Peer] = {}
        self._dead: OrderedDict[str, int] = OrderedDict()  # how often each was heard since
        self._count = 0
        self._asking = True
        self._unsure = 0  # for so many beats of its own
        self._suspects: dict[str, None] = {}  # to be declared lost
        self._beaten = asyncio.Event()
        self._sooner = asyncio.Event()

    @property
    def node(self) -> str:
        """This node's generation."""
        return self._node

    @property
    def others(self) -> list[str]:
        """The other nodes' generations."""
        return list(self._peers)

    def infos(self) -> list[admin_pb2.NodeInfo]:
        """Return what the other nodes last said of themselves."""
        said = [peer.info for peer in self._peers.values() if peer.info]
        return [admin_pb2.NodeInfo.FromString(info) for info in said]

    def knows(self, node: str) -> bool:
        """Tell whether a node is there."""
        return node in self._peers

    async def run(self) -> None:
        """Write, judge and answer until cancelled."""
        if self.alone:
            return
        self._hub.watch(COMMON, self._hear)
        self._hub.watch(inbox(self._node), self._hear_own)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.board.run())
                tasks.create_task(self._beat())
        finally:
            await self.asks.close()

    async def settled(self) -> None:
        """Return when this node has heard itself and what others have to say, or after 3 s."""
        if self.alone:
            return
        try:
            async with asyncio.timeout(SETTLED_SECONDS):
                await self._beaten.wait()
                await asyncio.sleep(SETTLE_SECONDS)
        except TimeoutError:
            LOG.warning("fleet.unsettled")
            self._unsure = SURE_BEATS

    async def leave(self) -> None:
        """Tell the others that this node goes; its clients may go on with them."""
        if self.alone:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self._log.append([append_of(COMMON, BEAT, self._word(leaves=True))])

    def missed(self, after: Positions) -> None:
        """Ask anew for all, and say all: something that was said did not come through."""
        del after
        self._unsure = SURE_BEATS
        self.board.say_all()
        self._asking = True
        self._sooner.set()

    async def _beat(self) -> None:
        while True:
            self._sooner.clear()
            asking, self._asking = self._asking, False
            (answer,) = await self._log.append([append_of(COMMON, BEAT, self._word(asks=asking))])
            if isinstance(answer, Rejection):
                self._asking = self._asking or asking
                for peer in self._peers.values():
                    peer.silent = 0
            try:
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._sooner.wait()
            except TimeoutError:
                continue
            await self._declare()

    async def _declare(self) -> None:
        """Say which nodes are lost; then a little pause, for who is told may have more to say."""
        suspects, self._suspects = self._suspects, {}
        words = [append_of(COMMON, LOST, Lost(node, self._node)) for node in suspects]
        if words:
            await self._log.append(words)
        await asyncio.sleep(SETTLE_SECONDS)

    def _word(self, *, asks: bool = False, leaves: bool = False) -> Beat:
        self._count += 1
        return Beat(self._node, self._count, self.info().SerializeToString(), asks, leaves)

    def _hear(self, entry: Entry) -> None:
        data = data_of(entry)
        match entry.type:
            case "fleet.beat":
                self._hear_beat(msgspec.msgpack.decode(data, type=Beat), order_of(entry))
            case "fleet.board":
                items = msgspec.msgpack.decode(data, type=Items)
                if items.node == self._node or items.node not in self._dead:
                    self._meet(items.node)
                    self.board.take(items, order_of(entry), missed=self._unsure > 0)
            case "fleet.lost":
                self._hear_lost(msgspec.msgpack.decode(data, type=Lost), order_of(entry))
            case _:
                pass  # of a later version

    def _hear_own(self, entry: Entry) -> None:
        if entry.type == ASK:
            self.asks.take_ask(data_of(entry))
        elif entry.type == ANSWER:
            self.asks.take_answer(data_of(entry))

    def _hear_beat(self, beat: Beat, order: int) -> None:
        if beat.node == self._node:
            if not beat.leaves:
                self._judge(order)
            return
        if beat.node in self._dead:
            self._remind(beat.node)
            return
        if beat.leaves:
            self._lose(beat.node, order, self._heir(beat.node), left=True)
            return
        if not self._meet(beat.node) and beat.asks:
            self.board.say_all()
        peer = self._peers[beat.node]
        peer.info, peer.silent = beat.info, 0

    def _meet(self, node: str) -> bool:
        """Know a node by the first that it says, be it a beat or what it has; tell if it is new."""
        if node == self._node or node in self._peers:
            return False
        LOG.info("fleet.joined", node=node)
        self._peers[node] = Peer(b"")
        self.board.say_all()
        return True

    def _remind(self, node: str) -> None:
        """Say again that a node is lost which goes on: the log may have lost that it was said."""
        self._dead[node] += 1
        if self._dead[node] > SILENT_BEATS:
            self._dead[node] = 0
            self._suspects[node] = None
            self._sooner.set()

    def _judge(self, order: int) -> None:
        """Count a beat of one's own that came back against those who are silent."""
        self._beaten.set()
        if self._unsure:
            self._unsure -= 1
            if not self._unsure:
                self.sure(order)
        for node, peer in self._peers.items():
            peer.silent += 1
            if peer.silent > SILENT_BEATS:
                self._suspects[node] = None
                self._sooner.set()

    def _hear_lost(self, lost: Lost, order: int) -> None:
        if lost.node == self._node:
            self._begin_anew()
        elif lost.node in self._peers:
            if lives := lost.by not in self._dead:
                self._meet(lost.by)
            self._lose(lost.node, order, lost.by if lives else self._heir(lost.node))

    def _lose(self, node: str, order: int, heir: str, *, left: bool = False) -> None:
        mine = heir == self._node
        LOG.warning("fleet.left" if left else "fleet.lost", node=node, mine=mine)
        peer = self._peers.pop(node, None)
        self._dead[node] = 0
        if len(self._dead) > MAX_DEAD:
            self._dead.popitem(last=False)
        self.asks.lose(node)
        self.board.lose(node, order, heir=heir)
        for listener in self.listeners:
            listener(node, mine)
        if mine and not left and peer is not None:
            self.alert(admin_pb2.NodeInfo.FromString(peer.info).name)

    def _heir(self, node: str) -> str:
        """Return who tells clients what follows when a node left, or went with who declared it."""
        return min((self._node, *(peer for peer in self._peers if peer != node)))

    def _begin_anew(self) -> None:
        """Take a new generation: the others believe that the former one is dead."""
        self._hub.unwatch(inbox(self._node), self._hear_own)
        self._dead[self._node] = 0
        self._node = self.asks.node = _generation()
        LOG.warning("fleet.begins_anew", node=self._node)
        self._hub.watch(inbox(self._node), self._hear_own)
        self.board.rename(self._node)
        self._asking = True
        self._sooner.set()


def _ignore(name: str) -> None:
    """Tell nobody."""


def _ignore_place(order: int) -> None:
    """Tell nobody."""


def _generation() -> str:
    return secrets.token_hex(8)
