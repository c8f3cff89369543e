"""How a browser shows who it is: header, subprotocol, ticket or cookie."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

COOKIE: Final = "blackroad_session"
SUBPROTOCOL: Final = "blackroad.v1"
BEARER_SUBPROTOCOL: Final = "bearer."


class Credentials(NamedTuple):
    """A token or a single-use ticket, or neither."""

    token: str = ""
    ticket: str = ""


def read_credentials(
    headers: Mapping[str, str],
    query: Mapping[str, str],
    cookies: Mapping[str, str],
    subprotocols: Sequence[str] = (),
) -> Credentials:
    """Return what a request shows: a header beats a subprotocol, that a ticket, that a cookie."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and value.strip():
        return Credentials(token=value.strip())
    for offered in subprotocols:
        if offered.startswith(BEARER_SUBPROTOCOL):
            return Credentials(token=offered.removeprefix(BEARER_SUBPROTOCOL))
    if ticket := query.get("ticket", ""):
        return Credentials(ticket=ticket)
    return Credentials(token=cookies.get(COOKIE, ""))
