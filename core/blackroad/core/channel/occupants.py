"""Who occupies the channels whose policy has presence on, how many may, and who is told."""

import asyncio
from collections.abc import Hashable
from heapq import heappop, heappush
from typing import Final

from blackroad.core.channel.control import Change, What
from blackroad.core.channel.directory import Directory
from blackroad.core.channel.room import COUNT_SECONDS, Room
from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.fleet.board import Board
from blackroad.core.fleet.board import Change as BoardChange
from blackroad.core.identity.identity import Identity
from blackroad.core.log.base import Append, Keep, Log
from blackroad.core.log.record import Record
from blackroad.core.names import companion, scope, tenant_of, unscope
from blackroad.core.publisher import Publisher

GRACE_SECONDS: Final = 5.0
SHARE_SECONDS: Final = 5.0
TOPIC: Final = "seat"  # on the board
NO_HISTORY: Final = Keep(0, 0.0)
NUMBER: Final = ""  # in the place of a subject: the timer of the number, not of a seat


class Occupants:
    """The occupants of a node's channels.

    An identity occupies a channel from its first session there until its last one has gone: at once
    where that left cleanly, else after the grace. Comings and goings are events of the channel's
    companion, written in their order by `run`. A channel that stops counting, or is deleted, loses
    its occupants without a word for each.
    """

    def __init__(
        self,
        log: Log,
        publisher: Publisher,
        directory: Directory,
        clock: Clock,
        grace_seconds: float = GRACE_SECONDS,
        board: Board | None = None,
    ) -> None:
        self._log = log
        self._publisher = publisher
        self._directory = directory
        self._clock = clock
        self._grace_seconds = grace_seconds
        self._rooms: dict[str, Room] = {}
        self._untold: dict[str, None] = {}  # keys of rooms with turns to tell
        self._timers: list[tuple[float, str, str]] = []  # when, key, subject
        self._woken = asyncio.Event()
        directory.listeners.append(self._take_up)
        self._board = None if board is None or board.alone else board
        self._confirmed_own: dict[str, None] = {}
        self._asked: dict[str, asyncio.Future[bool]] = {}  # for a seat, by its item
        if self._board is not None:
            self._board.listen(TOPIC, self._hear, again=True, passes_on=True)

    async def join(self, key: str, identity: Identity, holder: Hashable) -> None:
        """Let a session of an identity occupy a channel whose policy counts. Idempotent.

        `holder` is the session as it is now: one that comes back under its id is another, so that
        the late end of the former takes nothing from it. Raises CHANNEL_FULL where the identity is
        not in yet and there is no seat. Whoever follows a channel by name calls it again when the
        channel's policy has changed.
        """
        policy = self._directory.policy(key)
        if not policy.presence:
            return
        room = self._rooms.setdefault(key, Room())
        try:
            room.join(identity.subject, holder, policy.max_members, self._clock.time_ns())
        except Rejection as rejection:
            rejection.channel = unscope(key)
            raise
        if self._board is not None:
            try:
                await self._share(self._board, key, room, identity.subject, policy.max_members)
            except BaseException:
                # Whoever asked has no seat, and will not leave it.
                self.leave(key, identity, holder, clean=True)
                raise
        self._note(key, room)

    def leave(self, key: str, identity: Identity, holder: Hashable, *, clean: bool) -> None:
        """End a session's occupancy. Idempotent. `clean`: it said so, and is not awaited back."""
        room = self._rooms.get(key)
        if room is None or not room.leave(identity.subject, holder):
            return
        if clean or self._grace_seconds <= 0:
            self._free(key, room, identity.subject)
        else:
            frees_at = self._clock.monotonic() + self._grace_seconds
            room.hold(identity.subject, frees_at)
            self._push(frees_at, key, identity.subject)

    def count(self, key: str) -> int:
        """Return how many identities occupy a channel; 0 where nobody counts."""
        room = self._rooms.get(key)
        return room.count if room is not None else 0

    def present(self, key: str, subject: str) -> bool:
        """Tell whether an identity occupies a channel."""
        room = self._rooms.get(key)
        return room is not None and (subject in room.seats or subject in room.others)

    def page(self, key: str, after: str, limit: int) -> list[tuple[str, int]]:
        """Return up to `limit` subjects after one, in order, and since when (Unix ns)."""
        room = self._rooms.get(key)
        return room.page(after, limit) if room is not None else []

    def snapshot(self, key: str) -> Record | None:
        """Return who is here, as the companion's event that a new follower gets first.

        It is no event of the log: what the companion says after any place up to now may be folded
        into it. None for a channel that was not made by CreateChannel, or does not count.
        """
        if not self._directory.made(key) or not self._directory.policy(key).presence:
            return None
        name = unscope(key)
        event_type, fields = (self._rooms.get(key) or Room()).state(name)
        return self._publisher.record(companion(name), event_type, json=fields)

    async def run(self) -> None:
        """Free seats and write what is to be told, until cancelled."""
        while True:
            await self.settle()
            self._woken.clear()
            due = self._timers[0][0] - self._clock.monotonic() if self._timers else None
            try:
                async with asyncio.timeout(due):
                    await self._woken.wait()
            except TimeoutError:
                pass  # a timer is due

    async def settle(self) -> None:
        """Do all that is due now: what `run` does each time."""
        self._expire()
        while self._untold:
            appends = [append for key in self._take_untold() if (append := self._append(key))]
            results = await self._log.append(appends) if appends else []
            for append, result in zip(appends, results, strict=True):
                if isinstance(result, Rejection):
                    self._tell_later(_base(append.key))

    def _free(self, key: str, room: Room, subject: str) -> None:
        """End a seat that this node gives."""
        room.free(subject)
        self._unshare(key, subject)
        self._note(key, room)

    def _unshare(self, key: str, subject: str) -> None:
        """Take a seat of this node from the board. Idempotent."""
        if self._board is None:
            return
        item = _item(key, subject)
        self._board.drop(TOPIC, item)
        asked = self._asked.pop(item, None)
        if asked is not None and not asked.done():
            asked.set_result(True)

    # Seats that several nodes give.

    async def _share(self, board: Board, key: str, room: Room, subject: str, most: int) -> None:
        """Have a seat on the board; CHANNEL_FULL where others were before this node in the log."""
        item = _item(key, subject)
        asked = self._asked.get(item)
        if asked is None:
            if board.has(TOPIC, item):
                return
            board.put(TOPIC, item, str(room.seats[subject].since_ns).encode())
            if not most:
                return
            asked = self._asked[item] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(SHARE_SECONDS):
                seated = await asyncio.shield(asked)
        except TimeoutError:
            raise Rejection(Code.UNAVAILABLE, "the seat could not be noted in time") from None
        if not seated:
            raise Rejection(
                Code.CHANNEL_FULL, f"the channel has its {most} occupants", channel=unscope(key)
            )

    def _hear(self, change: BoardChange) -> None:
        key, _, subject = change.key.partition(" ")
        if change.former:
            self._pass_on(change, key, subject)
        elif change.mine:
            self._hear_own(change, key, subject)
        elif change.value is not None:
            room = self._rooms.setdefault(key, Room())
            most = self._directory.policy(key).max_members
            # What is said anew its node has decided before, whatever this one has made of it.
            if change.anew or self._has_room(key, room, subject, most):
                room.seat_elsewhere(subject, change.node, int(change.value))
            self._note(key, room)
        elif known := self._rooms.get(key):
            known.free_elsewhere(subject, change.node)
            self._note(key, known)

    def _hear_own(self, change: BoardChange, key: str, subject: str) -> None:
        """Decide about a seat of this node's own, at its place in the log."""
        if change.value is None:  # who asks since then, asks for the seat that comes next
            self._confirmed_own.pop(change.key, None)
            return
        asked = self._asked.pop(change.key, None)
        decided = change.anew and change.key in self._confirmed_own
        room = self._rooms.get(key)
        if change.reborn and room is not None and room.come_again(subject):
            self._note(key, room)
        most = self._directory.policy(key).max_members
        if decided or room is None or self._has_room(key, room, subject, most):
            self._confirmed_own[change.key] = None
            seated = True
        else:
            room.take_back(subject)
            self._unshare(key, subject)
            seated = False
        if asked is not None and not asked.done():
            asked.set_result(seated)

    def _has_room(self, key: str, room: Room, subject: str, most: int) -> bool:
        """Tell whether the next seat in the log is an identity's, as all nodes decide it.

        One that has a seat needs no other, at whatever nodes.
        """
        if not most or room.count < most or subject in room.others:
            return True
        if _item(key, subject) in self._confirmed_own:
            return True
        return self._confirmed(key, room) < most

    def _confirmed(self, key: str, room: Room) -> int:
        """Return how many identities have a seat at this place of the log."""
        own = sum(_item(key, subject) in self._confirmed_own for subject in room.seats)
        return len(room.others) + own - sum(subject in room.others for subject in room.seats)

    def _pass_on(self, change: BoardChange, key: str, subject: str) -> None:
        """Have a seat of a lost node be its heir's, where the identity has no other one."""
        room = self._rooms.setdefault(key, Room())
        since_ns = room.free_elsewhere(subject, change.former)
        if since_ns is not None and not change.mine:
            room.seat_elsewhere(subject, change.node, since_ns)
        elif since_ns is not None and subject not in room.seats and subject not in room.others:
            self._inherit(change.key, room, since_ns)
        elif change.mine and subject not in room.seats:
            self._unshare(key, subject)
        self._note(key, room)

    def _inherit(self, item: str, room: Room, since_ns: int) -> None:
        """Keep a seat of a lost node for the grace: its clients may come by another."""
        key, _, subject = item.partition(" ")
        self._confirmed_own[item] = None
        until = self._clock.monotonic() + self._grace_seconds
        room.inherit(subject, since_ns, until)
        self._push(until, key, subject)
        self._woken.set()

    def _take_untold(self) -> list[str]:
        keys = list(self._untold)
        self._untold.clear()
        return keys

    def _append(self, key: str) -> Append | None:
        """Return what is to be written for a room."""
        room = self._rooms.get(key)
        if room is None:
            return None
        name = unscope(key)
        told = room.take_told(name, self._clock.monotonic(), made=self._directory.made(key))
        beside = companion(name)
        records = [self._publisher.record(beside, kind, json=fields) for kind, fields in told]
        self._note(key, room)
        return Append(scope(tenant_of(key), beside), records, NO_HISTORY) if records else None

    def _expire(self) -> None:
        now = self._clock.monotonic()
        while self._timers and self._timers[0][0] <= now:
            due, key, subject = heappop(self._timers)
            room = self._rooms.get(key)
            if room is None:
                continue
            if subject == NUMBER:
                room.count_is_timed = False
                self._untold[key] = None
            elif room.held_until(subject, due):
                self._free(key, room, subject)

    def _note(self, key: str, room: Room) -> None:
        """See to it that what a room has to tell is told; forget an empty one."""
        if room.empty:
            self._rooms.pop(key, None)
        elif room.has_turns:
            self._untold[key] = None
            self._woken.set()
        if room.count_is_due:
            self._time_count(key, room, room.tells_count_at)

    def _tell_later(self, key: str) -> None:
        """Tell the number in a second: the log did not take the turns."""
        room = self._rooms.setdefault(key, Room())
        room.roll_up()
        self._time_count(key, room, self._clock.monotonic() + COUNT_SECONDS)

    def _time_count(self, key: str, room: Room, due: float) -> None:
        if not room.count_is_timed:
            room.count_is_timed = True
            self._push(due, key, NUMBER)

    def _push(self, due: float, key: str, subject: str) -> None:
        heappush(self._timers, (due, key, subject))
        if self._timers[0] == (due, key, subject):
            self._woken.set()

    def _take_up(self, change: Change) -> None:
        """Forget the occupants of a channel that is gone, or does not count any more."""
        if change.what is What.DELETED or (
            change.what is What.POLICY and not self._directory.policy(change.key).presence
        ):
            room = self._rooms.pop(change.key, None)
            for subject in room.seats if room is not None else ():
                self._unshare(change.key, subject)


def _item(key: str, subject: str) -> str:
    return f"{key} {subject}"


def _base(companion_key: str) -> str:
    """Return the key of the channel of a companion."""
    tenant, name = tenant_of(companion_key), unscope(companion_key)
    return scope(tenant, name.removeprefix(companion("")))
