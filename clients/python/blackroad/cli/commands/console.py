"""What `blackroad console` does: a link that lets a browser in, once."""

from datetime import UTC
from typing import Final

from blackroad.cli.output import CONSOLE, ERRORS, print_json
from blackroad.cli.running import StartError
from blackroad.cli.settings.parts import EdgePart
from blackroad.cli.settings.read import settings_of
from blackroad.client.client import Client
from blackroad.realtime.v1 import access_pb2

ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]", "::": "[::1]"}  # noqa: S104 (not bound)


async def print_link(client: Client, at: str, as_json: bool) -> None:
    """Print a link to the console with a ticket in its fragment, which browsers send to nobody."""
    page = (at or address()).rstrip("/")
    made = await client.unary(
        "AccessService/CreateTicket",
        access_pb2.CreateTicketRequest(),
        access_pb2.CreateTicketResponse.FromString,
    )
    link = f"{page}/#ticket={made.ticket}"
    if as_json:
        print_json({"url": link, "expires_at": made.expire_time.ToDatetime(UTC)})
        return
    CONSOLE.print(link, soft_wrap=True)
    ERRORS.print("It opens the console once, within 30 s.")


def address() -> str:
    """Return where the settings say that the edge is; StartError where they do not."""
    settings = settings_of(EdgePart, ())
    host, _, port = settings.http.rpartition(":")
    if port == "0":
        raise StartError("the edge's port is a free one: --at says where it is")
    scheme = "https" if settings.tls.cert is not None else "http"
    return f"{scheme}://{ANYWHERE.get(host, host)}:{port}"
