"""What a node says of itself: to whom."""

import json

from blackroad.core.alerts import Alerts
from blackroad.core.channel.directory import Directory
from blackroad.core.channel.rules import Rules
from blackroad.core.clock import FakeClock
from blackroad.core.errors import Code
from blackroad.core.identity.identity import Identity, Kind
from blackroad.core.log.memory import MemoryLog, MemoryLogSettings
from blackroad.core.publisher import Publisher
from blackroad.core.sessions import Sessions
from tests.core.guest import Guest


async def test_every_tenant_that_is_here_is_told_and_the_default_one() -> None:
    clock = FakeClock()
    log = MemoryLog(MemoryLogSettings(), clock)
    sessions = Sessions()
    for session_id, tenant in (("se_1", "acme"), ("se_2", "acme"), ("se_3", "other")):
        sessions.add(Guest(session_id, Identity(tenant, "ada", Kind.USER)))
    publisher = Publisher(log, Directory(Rules({})), clock)
    await Alerts(log, publisher, sessions, "n1").tell("critical", Code.UNAVAILABLE, "it burns")
    for tenant in ("acme", "other", "default"):
        (entry,) = (await log.history(f"{tenant}.alerts", 10)).entries
        assert json.loads(entry.event.json) == {
            "severity": "critical",
            "code": "unavailable",
            "message": "it burns",
            "node": "n1",
        }
    await log.close()
