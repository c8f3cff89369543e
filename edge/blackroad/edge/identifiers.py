"""Client ids and the channel names that are made of them."""

import re
from base64 import urlsafe_b64encode
from typing import Final

from blackroad.edge.errors import Refusal

MAX_ID_BYTES: Final = 128
_TOKEN = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_:~-]*", re.ASCII)


def check_client_id(client_id: str) -> str:
    """Return the id; Refusal `invalid_name` where it is empty, too long or not printable."""
    size = len(client_id.encode(errors="replace"))
    if not client_id or size > MAX_ID_BYTES or not client_id.isprintable():
        raise Refusal("invalid_name", "a client id is 1 to 128 bytes of printable text")
    return client_id


def token_of(identifier: str) -> str:
    """Return an id as one token of a channel's name: where it does not fit `~` and base64url."""
    if _TOKEN.fullmatch(identifier):
        return identifier
    return "~" + urlsafe_b64encode(identifier.encode()).decode().rstrip("=")


def client_channel(client_id: str) -> str:
    """Return the channel on which services speak to one client."""
    return f"client.{token_of(client_id)}"
