"""What a node says of itself to those who operate it: events on the channel `alerts`."""

from typing import Literal

from blackroad.core.errors import Code
from blackroad.core.log.base import Append, Log
from blackroad.core.names import scope
from blackroad.core.publisher import Publisher
from blackroad.core.sessions import Sessions

CHANNEL = "alerts"
DEFAULT_TENANT = "default"


class Alerts:
    """Tells every tenant that has sessions here, and the default one."""

    def __init__(self, log: Log, publisher: Publisher, sessions: Sessions, node: str) -> None:
        self._log = log
        self._publisher = publisher
        self._sessions = sessions
        self._node = node

    async def tell(self, severity: Literal["warning", "critical"], code: Code, text: str) -> None:
        """Append the alert; returns when the log has answered, whatever it said."""
        said = {
            "severity": severity,
            "code": code.name.lower(),
            "message": text,
            "node": self._node,
        }
        tenants = {one.identity.tenant for one in self._sessions.all()} | {DEFAULT_TENANT}
        record = self._publisher.record(CHANNEL, "alert", json=said)
        keys = [scope(tenant, CHANNEL) for tenant in sorted(tenants)]
        await self._log.append([Append(key, [record], self._publisher.keep(key)) for key in keys])
