"""What an operator may have to answer for later, as events of the log: who, what, and why not."""

from typing import Final

import structlog

from blackroad.core.clock import Clock, SystemClock
from blackroad.core.errors import Code, CodedError
from blackroad.core.identity.identity import Identity
from blackroad.core.identity.revocations import Revocation

LOG = structlog.get_logger("blackroad.audit")

PER_SECOND: Final = 10.0
BURST: Final = 100.0
DENIED: Final = frozenset(
    {Code.FORBIDDEN, Code.NOT_MEMBER, Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED}
)

_EVENTS: Final = {
    act: f"audit.{act}" for act in ("denied", "limited", "revoked", "joined", "managed")
}


class Audit:
    """Writes acts, of each kind at most 10 a second after a burst of 100.

    What was left out is counted by the next one that is written (`suppressed`). Nothing that is
    shown to be let in is ever written.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._allowances: dict[str, _Allowance] = {}

    def refused(self, identity: Identity | None, at: str, error: CodedError) -> None:
        """Tell that somebody (None: nobody knows who) was denied something, or limited.

        Errors of other codes are nobody's business. `at`: the rpc or frame.
        """
        if error.code in DENIED:
            act = "denied"
        elif error.code is Code.RATE_LIMITED:
            act = "limited"
        else:
            return
        said = {"at": at, "code": error.code.name.lower(), "reason": error.message}
        if error.channel:
            said["channel"] = error.channel
        self._write(act, {**_who(identity), **said})

    def revoked(self, revocation: Revocation, sessions: int) -> None:
        """Tell that tokens were revoked, and how many sessions of this node that ended."""
        what = revocation.what
        of = {"jti": what.jti} if what.jti else {"of": what.subject, "before": what.before}
        by = {"tenant": revocation.tenant, "subject": revocation.sender}
        self._write("revoked", {**by, **of, "sessions": sessions})

    def joined(self, identity: Identity, channel: str) -> None:
        """Tell that somebody began to read a private channel."""
        self._write("joined", {**_who(identity), "channel": channel})

    def managed(self, identity: Identity, channel: str, what: str) -> None:
        """Tell that somebody made, changed or removed a channel or its members."""
        self._write("managed", {**_who(identity), "channel": channel, "what": what})

    def _write(self, act: str, said: dict[str, object]) -> None:
        allowance = self._allowances.get(act)
        if allowance is None:
            allowance = self._allowances[act] = _Allowance(self._clock.monotonic())
        if not allowance.take(self._clock.monotonic()):
            return
        if allowance.suppressed:
            said["suppressed"] = allowance.suppressed
            allowance.suppressed = 0
        LOG.info(_EVENTS[act], **said)


class _Allowance:
    """How much more of one act may be written."""

    __slots__ = ("_at", "_left", "suppressed")

    def __init__(self, now: float) -> None:
        self._at = now
        self._left = BURST
        self.suppressed = 0

    def take(self, now: float) -> bool:
        """Take one, or count it as suppressed."""
        self._left = min(BURST, self._left + (now - self._at) * PER_SECOND)
        self._at = now
        if self._left < 1:
            self.suppressed += 1
            return False
        self._left -= 1
        return True


def _who(identity: Identity | None) -> dict[str, object]:
    if identity is None:
        return {}
    return {
        "tenant": identity.tenant,
        "subject": identity.subject,
        "kind": identity.kind.value,
        "jti": identity.token_id,
    }


AUDIT: Final = Audit(SystemClock())
"""This process's."""
