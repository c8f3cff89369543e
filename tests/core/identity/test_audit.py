"""The audit: what is written of acts that matter, and how much of it at most."""

import pytest
from structlog.testing import capture_logs

from blackroad.core.clock import FakeClock
from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.audit import BURST, Audit
from blackroad.core.identity.identity import Identity, Kind

ANN = Identity("acme", "ann", Kind.USER, token_id="t-ann")


@pytest.mark.parametrize(
    ("code", "act"),
    [
        (Code.FORBIDDEN, "audit.denied"),
        (Code.NOT_MEMBER, "audit.denied"),
        (Code.UNAUTHENTICATED, "audit.denied"),
        (Code.TOKEN_EXPIRED, "audit.denied"),
        (Code.RATE_LIMITED, "audit.limited"),
    ],
)
def test_a_refusal_says_who_what_and_why(code: Code, act: str) -> None:
    with capture_logs() as written:
        Audit(FakeClock()).refused(ANN, "Connect subscribe", Rejection(code, "no", channel="r"))
    assert written == [
        {
            "event": act,
            "log_level": "info",
            "tenant": "acme",
            "subject": "ann",
            "kind": "user",
            "jti": "t-ann",
            "at": "Connect subscribe",
            "code": code.name.lower(),
            "reason": "no",
            "channel": "r",
        }
    ]


def test_what_is_nobodys_business_is_not_written() -> None:
    with capture_logs() as written:
        Audit(FakeClock()).refused(ANN, "Publish", Rejection(Code.NOT_FOUND))
    assert written == []


def test_a_flood_is_bounded_and_counted_and_hides_no_other_act() -> None:
    clock = FakeClock()
    audit = Audit(clock)
    with capture_logs() as written:
        for _ in range(10_000):
            audit.refused(None, "Publish", Rejection(Code.UNAUTHENTICATED))
        audit.managed(ANN, "orders", "channel.created")
        clock.advance(1)
        for _ in range(100):
            audit.refused(None, "Publish", Rejection(Code.UNAUTHENTICATED))
    denied = [one for one in written if one["event"] == "audit.denied"]
    assert len(denied) == BURST + 10
    assert denied[int(BURST)]["suppressed"] == 10_000 - BURST
    assert [one["channel"] for one in written if one["event"] == "audit.managed"] == ["orders"]
