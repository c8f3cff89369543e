"""The rates of a node: who asks for too much is refused, whatever the door."""

from collections.abc import Callable
from math import ceil
from typing import Final

from blackroad.core.clock import Clock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.limits.quota import Allowance, LocalQuota, MakeQuota, Quota
from blackroad.core.names import token
from blackroad.core.settings import LimitsSettings, RateSettings

Refused = Callable[[Identity, Rejection], None]
MAX_SUBJECTS: Final = 100_000
"""Above it the one that was longest known is forgotten, with what it had used."""
SWEEP_SECONDS: Final = 10.0


class Quotas:
    """One kind's subjects, each with what is left to it.

    Only who asked for something lately is known.
    """

    def __init__(
        self,
        allowance: Allowance,
        clock: Clock,
        make: MakeQuota,
        most: int = MAX_SUBJECTS,
        what: str = "",
    ) -> None:
        self._what = what
        self.refused: Refused = _ignore
        self._allowance = allowance
        self._at_once = allowance.most
        self._now = clock.monotonic
        self._make = make
        self._most = most
        self._of: dict[tuple[str, str], Quota] = {}

    def __len__(self) -> int:
        return len(self._of)

    def take(self, identity: Identity, count: int) -> None:
        """Take so many of a subject's quota; TOO_LARGE, or RATE_LIMITED with the time to wait."""
        quota = self._of.get((identity.tenant, identity.subject))
        if quota is None:
            quota = self._add(identity)
        wait = quota.take(count, self._now()) if count <= self._at_once else -1.0
        if wait:
            rejection = self._refusal(wait)
            self.refused(identity, rejection)
            raise rejection

    def sweep(self) -> None:
        """Forget those to whom all is left, and give back the memory."""
        now = self._now()
        self._of = {
            subject: quota for subject, quota in self._of.items() if not quota.is_whole(now)
        }

    def _add(self, identity: Identity) -> Quota:
        if len(self._of) >= self._most:
            del self._of[next(iter(self._of))]
        whose = f"{identity.key(token(identity.subject))}.{self._what}"
        quota = self._make(self._allowance, whose)
        self._of[identity.tenant, identity.subject] = quota
        return quota

    def _refusal(self, wait: float) -> Rejection:
        if wait < 0:
            return Rejection(Code.TOO_LARGE, f"at most {self._at_once} at once")
        allowance = self._allowance
        return Rejection(
            Code.RATE_LIMITED,
            f"at most {allowance.per_second:g} a second, {allowance.burst} at once",
            retry_after_seconds=ceil(round(wait * 1000, 3)) / 1000,
        )


class Rates:
    """What each tenant and subject may ask for, over all its sessions and doors.

    Gateways speak for others, whose sessions are counted; they themselves are not.
    """

    def __init__(
        self, settings: LimitsSettings, clock: Clock, make: MakeQuota = LocalQuota
    ) -> None:
        kinds = {
            Kind.USER: settings.user,
            Kind.AGENT: settings.agent,
            Kind.SERVICE: settings.service,
        }
        self._messages = {
            kind: Quotas(_messages(limits), clock, make, what=f"{kind}.messages")
            for kind, limits in kinds.items()
        }
        self._commands = {
            kind: Quotas(_commands(limits), clock, make, what=f"{kind}.commands")
            for kind, limits in kinds.items()
        }

    def __len__(self) -> int:
        """Count the quotas that are remembered."""
        return sum(map(len, (*self._messages.values(), *self._commands.values())))

    def tell(self, refused: Refused) -> None:
        """Have a function told of each refusal, before it is raised."""
        for quotas in (*self._messages.values(), *self._commands.values()):
            quotas.refused = refused

    def charge(self, identity: Identity, count: int = 1) -> None:
        """Count publishes and invocations; a `Rejection` where they are too many."""
        quotas = self._messages.get(identity.kind)
        if quotas is not None:
            quotas.take(identity, count)

    def charge_command(self, identity: Identity) -> None:
        """Count anything else that is asked for; a `Rejection` where it is too much."""
        quotas = self._commands.get(identity.kind)
        if quotas is not None:
            quotas.take(identity, 1)

    def sweep(self) -> None:
        """Forget what need not be remembered; to be called every `SWEEP_SECONDS`."""
        for quotas in (*self._messages.values(), *self._commands.values()):
            quotas.sweep()


def _messages(limits: RateSettings) -> Allowance:
    return Allowance(
        limits.messages_per_second,
        limits.burst_limit,
        limits.messages_per_minute,
        limits.cooldown_seconds,
    )


def _commands(limits: RateSettings) -> Allowance:
    return Allowance(limits.commands_per_second, limits.commands_burst)


def _ignore(identity: Identity, rejection: Rejection) -> None:
    """Take a refusal that nobody asked to be told of."""
