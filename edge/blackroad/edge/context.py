"""What all doors of one edge share."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from starlette.requests import HTTPConnection

from blackroad.edge.credentials import NOTHING, read_credentials
from blackroad.edge.errors import Refusal
from blackroad.edge.fanout import Fanout
from blackroad.edge.limits.addresses import Addresses, Visit
from blackroad.edge.settings import EdgeSettings
from blackroad.edge.transport import Transport
from blackroad.edge.transport.http import VISIT
from blackroad.edge.trunk import Opening, Trunk
from blackroad.edge.trunk.opening import nothing
from blackroad.realtime.v1 import admin_pb2, event_pb2

FULL_RETRY_SECONDS: Final = (1.0, 5.0)


@dataclass(slots=True)
class Context:
    """The parts of a running edge, for its doors."""

    settings: EdgeSettings
    transport: Transport
    fanout: Fanout[event_pb2.Event, str]
    trunk: Trunk
    addresses: Addresses
    draining: bool = field(default=False)

    def opening(
        self, connection: HTTPConnection, client_id: str, door: admin_pb2.Door.ValueType
    ) -> Opening:
        """Return who comes with this request; Refusal where it shows what it should not."""
        offered: list[str] = connection.scope.get("subprotocols", [])
        streams = door != admin_pb2.DOOR_HTTP
        credentials = read_credentials(
            connection.headers,
            offered,
            query=connection.query_params if streams else NOTHING,
            cookies=connection.cookies if door == admin_pb2.DOOR_SSE else NOTHING,
        )
        return Opening(
            client_id=client_id,
            door=door,
            token=credentials.token,
            ticket=credentials.ticket,
            address=self.address_of(connection),
            client_name=connection.headers.get("user-agent", ""),
            on_accepted=_proof(connection) if any(credentials) else nothing,
        )

    def address_of(self, connection: HTTPConnection) -> str:
        """Return the peer's address; what a listed proxy says of it is believed, from the right."""
        address = connection.client.host if connection.client else ""
        forwarded = ",".join(connection.headers.getlist("x-forwarded-for"))
        for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
            if not self._trusts(address):
                break
            address = hop
        return address

    def admit(self, connection: HTTPConnection, *, stays: bool) -> None:
        """Refuse who would stay where there is no room, or its address has too many."""
        if stays and len(self.transport) >= self.settings.limits.max_connections:
            after = random.uniform(*FULL_RETRY_SECONDS)  # noqa: S311 - it spreads
            raise Refusal("unavailable", "this edge is full", retry_after_seconds=round(after, 3))
        visit = connection.scope.get(VISIT)
        if not isinstance(visit, Visit):
            return
        offered: list[str] = connection.scope.get("subprotocols", [])
        shown = read_credentials(
            connection.headers,
            offered,
            query=connection.query_params if stays else NOTHING,
            cookies=connection.cookies if stays else NOTHING,
        )
        address = self.address_of(connection)
        wait = visit.begin(address, shows_token=any(shown), stays=stays)
        if wait:
            raise Refusal(
                "rate_limited", "too many connections", retry_after_seconds=ceil(wait * 1000) / 1000
            )

    def is_secure(self, connection: HTTPConnection) -> bool:
        """Tell whether the browser speaks TLS, with the edge or with a listed proxy."""
        if connection.url.scheme in {"https", "wss"}:
            return True
        peer = connection.client.host if connection.client else ""
        forwarded = connection.headers.get("x-forwarded-proto", "")
        return self._trusts(peer) and forwarded.rpartition(",")[2].strip() == "https"

    def _trusts(self, address: str) -> bool:
        return self.addresses.trusts(address)


def prove(connection: HTTPConnection) -> None:
    """Take that the core knows who made a request: its connection counts for no address."""
    _proof(connection)()


def _proof(connection: HTTPConnection) -> Callable[[], None]:
    """Return the same as a call that keeps nothing of the request: a session may last for days."""
    visit = connection.scope.get(VISIT)
    return visit.prove if isinstance(visit, Visit) else nothing


def context_of(connection: HTTPConnection) -> Context:
    """Return the context of the app that serves a request."""
    context = connection.app.state.context
    if not isinstance(context, Context):
        raise TypeError("the app was not made by make_app")
    return context
