"""Channel names, patterns and event types.

Their alphabet, their bounds, and how a tenant scopes them.

Inside the core a channel is known by its *key*, ``<tenant>.<name>``: the tenant is the first token,
so that no lookup, pattern or page can cross tenants. Only doors call `scope` and `unscope`.
"""

import re
from base64 import urlsafe_b64encode
from functools import lru_cache

from blackroad.core.errors import Code, Rejection

MAX_NAME_BYTES = 255
MAX_TOKENS = 16
MAX_TYPE_BYTES = 128
MAX_ID_BYTES = 128
COMPANION = "presence.channel."

_WORD = r"[A-Za-z0-9_:~-]+"
_NAME = re.compile(rf"{_WORD}(?:\.{_WORD})*", re.ASCII)
_PATTERN = re.compile(rf"(?:{_WORD}|\*)(?:\.(?:{_WORD}|\*))*(?:\.(?:>|\*\*))?|>|\*\*", re.ASCII)
_TYPE = re.compile(r"[A-Za-z0-9_:-]+(?:\.[A-Za-z0-9_:-]+)*", re.ASCII)
_TENANT = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

# Only the server publishes under the first three, services under `client`; conversations have an
# owner. A wildcard in first place reaches none of them.
SERVER_ONLY = frozenset({"presence", "stream", "system"})
GUARDED = SERVER_ONLY | {"client", "conversation"}
# The header by which the server notes whose a conversation is; there nobody else writes it.
OWNER_HEADER = "owner"

_RESERVED_PREFIXES = ("room.", "channel.", "presence.")
_RESERVED_TYPES = frozenset(
    [
        "agent.response",
        "agent.status",
        "agent.thinking",
        "connected",
        "open",
        "error",
        "close",
        "ping",
        "pong",
        "subscribe",
        "unsubscribe",
        "publish",
        "history",
        "agent.invoke",
        "cancel",
        "input",
        "token",
        "welcome",
        "subscribed",
        "unsubscribed",
        "published",
        "accepted",
        "gap",
        "caught_up",
        "bookmark",
        "closing",
        "presence",
    ]
)


def check_name(name: str) -> str:
    """Return the channel name, or raise `Rejection` with INVALID_NAME."""
    if len(name) > MAX_NAME_BYTES or not _NAME.fullmatch(name) or name.count(".") >= MAX_TOKENS:
        raise _invalid(
            "a channel name is up to 16 tokens of [A-Za-z0-9_:~-] joined by '.', at most 255 bytes"
        )
    return name


def check_pattern(pattern: str) -> str:
    """Return the name or pattern with `**` spelled `>`, or raise `Rejection` with INVALID_NAME."""
    if (
        len(pattern) > MAX_NAME_BYTES
        or not _PATTERN.fullmatch(pattern)
        or pattern.count(".") >= MAX_TOKENS
    ):
        raise _invalid(
            "a name or pattern is up to 16 tokens joined by '.', at most 255 bytes; "
            "a token is of [A-Za-z0-9_:~-], or '*', or at the end '>'"
        )
    return f"{pattern[:-2]}>" if pattern.endswith("**") else pattern


@lru_cache(maxsize=1024)
def check_type(event_type: str) -> str:
    """Return the event type a client publishes; INVALID_NAME or RESERVED_TYPE otherwise."""
    if len(event_type) > MAX_TYPE_BYTES or not _TYPE.fullmatch(event_type):
        raise _invalid("an event type is tokens of [A-Za-z0-9_:-] joined by '.', at most 128 bytes")
    if event_type in _RESERVED_TYPES or event_type.startswith(_RESERVED_PREFIXES):
        raise Rejection(Code.RESERVED_TYPE, "events of this type are published by the server only")
    return event_type


def check_tenant(tenant: str) -> str:
    """Return the tenant, or raise `Rejection` with INVALID_NAME."""
    if not _TENANT.fullmatch(tenant):
        raise _invalid("a tenant is 1 to 64 characters of [A-Za-z0-9_-]")
    return tenant


def is_pattern(name: str) -> bool:
    """Tell whether a checked name or pattern has a wildcard."""
    return "*" in name or name.endswith(">")


def token(identifier: str) -> str:
    """Return the identifier as one token.

    Itself, or ``~`` and its base64url where it does not fit.
    """
    if re.fullmatch(r"[A-Za-z0-9_:-][A-Za-z0-9_:~-]*", identifier, re.ASCII):
        return identifier
    return "~" + urlsafe_b64encode(identifier.encode()).decode().rstrip("=")


def check_id(identifier: str) -> str:
    """Return a client's, agent's or subject's id.

    INVALID_NAME where it is empty, too long or has control characters.
    """
    if (
        not identifier
        or len(identifier.encode(errors="replace")) > MAX_ID_BYTES
        or not identifier.isprintable()
    ):
        raise _invalid("an id is 1 to 128 bytes of printable text")
    return identifier


def scope(tenant: str, name: str) -> str:
    """Return the key of a channel, or the keyed form of a pattern."""
    return f"{tenant}.{name}"


def unscope(key: str) -> str:
    """Return the name that clients know."""
    return key[key.index(".") + 1 :]


def tenant_of(key: str) -> str:
    """Return the tenant of a key."""
    return key[: key.index(".")]


def companion(name: str) -> str:
    """Return the server-only channel (or pattern) on which occupants of `name` come and go."""
    return COMPANION + name


def _invalid(message: str) -> Rejection:
    return Rejection(Code.INVALID_NAME, message)
