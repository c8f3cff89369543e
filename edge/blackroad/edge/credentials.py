"""How a browser shows who it is: header, subprotocol, ticket or cookie."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from blackroad.edge.errors import Refusal

COOKIE: Final = "blackroad_session"
COOKIE_PATH: Final = "/events"
SUBPROTOCOL: Final = "blackroad.v1"
BEARER_SUBPROTOCOL: Final = "bearer."
COOKIE_BEGINS: Final = "pass_"
"""How what is no ticket for a URL begins: session cookies."""
NOTHING: Final[Mapping[str, str]] = {}


class Credentials(NamedTuple):
    """A token or a ticket, or neither. The core takes a session cookie for a ticket."""

    token: str = ""
    ticket: str = ""


def read_credentials(
    headers: Mapping[str, str],
    subprotocols: Sequence[str] = (),
    query: Mapping[str, str] = NOTHING,
    cookies: Mapping[str, str] = NOTHING,
) -> Credentials:
    """Return what a request shows: a header beats a subprotocol, that a ticket, that a cookie.

    Give the query only where tickets are taken (sockets, server-sent events), and cookies only for
    server-sent events, which change nothing. Refusal where a cookie stands in the URL.
    """
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return Credentials(token=value.strip())
    for offered in subprotocols:
        if offered.startswith(BEARER_SUBPROTOCOL):
            return Credentials(token=offered.removeprefix(BEARER_SUBPROTOCOL))
    ticket = query.get("ticket", "")
    if ticket.startswith(COOKIE_BEGINS):
        raise Refusal("unauthenticated", "a session cookie does not belong into a URL")
    if ticket or headers.get("sec-fetch-site") == "cross-site":
        return Credentials(ticket=ticket)
    return Credentials(ticket=cookies.get(COOKIE, ""))
