"""Client ids and the channel names that are made of them."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from urllib.parse import unquote_to_bytes

from blackroad.edge.errors import Refusal

MAX_ID_BYTES: Final = 128
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_TOKEN = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_:~-]*", re.ASCII)


def check_client_id(client_id: str) -> str:
    """Return the id; Refusal `invalid_name` where it is empty, too long or not printable."""
    size = len(client_id.encode(errors="replace"))
    if not client_id or size > MAX_ID_BYTES or not client_id.isprintable():
        raise Refusal("invalid_name", "a client id is 1 to 128 bytes of printable text")
    return client_id


def segment_of(raw_path: bytes, prefix: bytes) -> bytes | None:
    """Return what follows a prefix in a path as it was sent; None where it is not one segment."""
    if not raw_path.startswith(prefix):
        return None
    segment = raw_path.removeprefix(prefix)
    return None if b"/" in segment else segment


def client_id_of(segment: bytes) -> str:
    """Return the id that a path's segment spells; Refusal `invalid_name` where it spells none.

    What cannot be decoded is refused, never replaced: two segments that mean different bytes are
    never one client.
    """
    try:
        if _BAD_ESCAPE.search(segment):
            raise Refusal("invalid_name", "a client id in a path is percent-encoded UTF-8")
        return check_client_id(unquote_to_bytes(segment).decode())
    except UnicodeDecodeError:
        raise Refusal("invalid_name", "a client id in a path is percent-encoded UTF-8") from None


def token_of(identifier: str) -> str:
    """Return an id as one token of a channel's name: where it does not fit `~` and base64url."""
    if _TOKEN.fullmatch(identifier):
        return identifier
    return "~" + urlsafe_b64encode(identifier.encode()).decode().rstrip("=")


def identifier_of(token: str) -> str:
    """Return the id that `token_of` made this of; a token that is of no id stays as it is."""
    if not token.startswith("~"):
        return token
    try:
        return urlsafe_b64decode(token[1:] + "=" * (-(len(token) - 1) % 4)).decode()
    except ValueError:
        return token


def client_channel(client_id: str) -> str:
    """Return the channel on which services speak to one client."""
    return f"client.{token_of(client_id)}"
