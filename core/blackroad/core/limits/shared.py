"""Quotas of many nodes: each hands out what it believes is left, and settles with the others."""

import asyncio
from typing import Final

from blackroad.core.clock import Clock
from blackroad.core.errors import Rejection
from blackroad.core.limits.quota import Allowance, LocalQuota
from blackroad.core.log.accounts import Accounts, Standing, Use

SOON_SECONDS: Final = 0.005
LATER_SECONDS: Final = 1.0
RETRY_SECONDS: Final = 0.5
MAX_AT_ONCE: Final = 500


class SharedQuota:
    """One subject's quota at one of many nodes. It never waits, and is never asked of a server.

    What was used is added to the account that all nodes share: at once for the first time, or where
    less than half of the burst is left, else within a second. What others used is known from then
    on. So a subject at n nodes has at most n - 1 times half a burst too much, and what passes while
    an account is asked for; it owes that, and waits for it. While the server is away each node
    counts for itself.
    """

    __slots__ = (
        "_allowance",
        "_left",
        "_left_until",
        "_own",
        "_settled",
        "_settlement",
        "_used",
        "asked",
        "whose",
    )

    def __init__(self, settlement: "Settlement", allowance: Allowance, whose: str) -> None:
        self.whose = whose
        self.asked = 0  # whether it is to be settled: 1 later, 2 soon
        self._settlement = settlement
        self._allowance = allowance
        self._own = LocalQuota(allowance)
        self._used = 0  # and not settled
        self._settled = False
        self._left = 0  # of the minute, by what all nodes have used, until it is more
        self._left_until = float("-inf")

    def take(self, count: int, now: float) -> float:
        """See `Quota`."""
        if now < self._left_until and count > self._left - self._used:
            return self._own.refuse(self._left_until - now, now)
        wait = self._own.take(count, now)
        if not wait:
            self._used += count
        soon = not self._settled or (not wait and self._own.bucket.is_low(now))
        if self.asked < 1 + soon:
            self._settlement.ask(self, soon=soon)
        return wait

    def is_whole(self, now: float) -> bool:
        """See `Quota`."""
        return not self._used and not self.asked and self._own.is_whole(now)

    def use(self, now: float) -> Use:
        """Return what is to be said of it now; it counts as said."""
        used, self._used, self.asked = self._used, 0, 0
        allowance = self._allowance
        return Use(
            self.whose,
            1 / allowance.per_second,
            allowance.burst,
            allowance.per_minute,
            used,
            self._own.paused_seconds(now),
        )

    def unsaid(self, use: Use) -> None:
        """Take back what could not be said; more than a burst is not owed."""
        self._used = min(self._used + use.used, self._allowance.burst)

    def stand(self, standing: Standing, now: float) -> None:
        """Take up what all nodes have used."""
        self._settled = True
        self._own.bucket.adopt(standing.full_seconds, self._used, now)
        if standing.pause_seconds > 0:
            self._own.pause(standing.pause_seconds, now)
        if self._allowance.per_minute:
            self._left = standing.left
            self._left_until = now + standing.more_seconds


class Settlement:
    """Settles a node's quotas with the accounts of all nodes, many in one round."""

    def __init__(self, accounts: Accounts, clock: Clock) -> None:
        self._accounts = accounts
        self._now = clock.monotonic
        self._soon: list[SharedQuota] = []
        self._later: list[SharedQuota] = []
        self._wanted = asyncio.Event()

    def quota(self, allowance: Allowance, whose: str) -> SharedQuota:
        """Return somebody's quota (`MakeQuota`)."""
        return SharedQuota(self, allowance, whose)

    def ask(self, quota: SharedQuota, *, soon: bool) -> None:
        """Settle a quota in the next round, or within a second. Never blocks."""
        quota.asked = 2 if soon else 1
        if soon:
            self._soon.append(quota)
            self._wanted.set()
        else:
            self._later.append(quota)

    async def run(self) -> None:
        """Settle until cancelled."""
        loop = asyncio.get_running_loop()
        due = loop.time() + LATER_SECONDS
        while True:
            try:
                async with asyncio.timeout_at(due):
                    await self._wanted.wait()
            except TimeoutError:
                due = loop.time() + LATER_SECONDS
                self._soon += self._later
                self._later = []
            self._wanted.clear()
            settled = True
            while self._soon and settled:
                settled = await self.settle()
            await asyncio.sleep(SOON_SECONDS if settled else RETRY_SECONDS)

    async def settle(self) -> bool:
        """Settle what is to be settled soon, or some of it; tell whether the server answered."""
        round_, self._soon = self._soon[:MAX_AT_ONCE], self._soon[MAX_AT_ONCE:]
        quotas = [quota for quota in dict.fromkeys(round_) if quota.asked]
        now = self._now()
        uses = [quota.use(now) for quota in quotas]
        try:
            standings = await self._accounts.settle(uses) if uses else []
        except Rejection:
            for quota, use in zip(quotas, uses, strict=True):
                quota.unsaid(use)
                if not quota.asked:
                    self.ask(quota, soon=False)
            return False
        now = self._now()
        for quota, standing in zip(quotas, standings, strict=True):
            quota.stand(standing, now)
        return True
