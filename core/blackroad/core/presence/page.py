"""Pages of the roster: bounded in items, bytes and the records that a filter passes over."""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Sequence

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Kind
from blackroad.core.names import scope
from blackroad.core.presence.entity import Status
from blackroad.core.presence.record import Record
from blackroad.core.presence.records import Records
from blackroad.realtime.v1 import presence_pb2

DEFAULT_ITEMS = 50
MAX_ITEMS = 500
MAX_BYTES = 512 << 10
MAX_LOOKED_AT = 5_000

Look = Callable[[Record], presence_pb2.Presence]
Page = tuple[Sequence[presence_pb2.Presence], str]


def pattern_of(tenant: str, kind: Kind | None) -> str:
    """Return the pattern of the keys of a tenant's entities."""
    return scope(tenant, f"presence.{kind.value if kind else '*'}.*")


def list_page(
    records: Records,
    look: Look,
    tenant: str,
    kind: Kind | None,
    status: int,
    size: int,
    token: str,
) -> Page:
    """Return a page and the next page's token; see `Roster.list`."""
    wanted = Status(status) if status in tuple(Status) else None
    if status and wanted is None:
        raise Rejection(Code.BAD_FRAME, "there is no such status")
    size = page_items(size)
    after = after_token(token)
    gone = wanted is Status.OFFLINE
    found: list[presence_pb2.Presence] = []
    budget = MAX_BYTES
    looked = 0
    while looked < MAX_LOOKED_AT:
        batch = records.page(pattern_of(tenant, kind), after, size + 1, gone=gone)
        for record in batch:
            if len(found) == size or budget <= 0:
                return found, token_after(after)
            after = record.key
            if wanted is None or gone or record.view.status is wanted:
                found.append(look(record))
                budget -= found[-1].ByteSize()
        if len(batch) <= size:
            return found, ""
        looked += len(batch)
    return found, token_after(after)


def page_items(asked: int) -> int:
    """Return how many items a page has at most."""
    return min(asked or DEFAULT_ITEMS, MAX_ITEMS)


def token_after(place: str) -> str:
    """Return the opaque token of the page that follows a place."""
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


def after_token(token: str) -> str:
    """Return the place after which a page begins; BAD_FRAME for what is no token."""
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        return b64decode(padded, b"-_", validate=True).decode()
    except (Error, ValueError):
        raise Rejection(Code.BAD_FRAME, "page_token is not one of ours") from None
