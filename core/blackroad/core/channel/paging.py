"""Pages of lists: how long they are, and the opaque tokens that lead from one to the next."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BinasciiError
from typing import Final

from blackroad.core.errors import Code, Rejection

PAGE_SIZE: Final = 50
MAX_PAGE_SIZE: Final = 500


def page_size(asked: int, default: int = PAGE_SIZE, most: int = MAX_PAGE_SIZE) -> int:
    """Return how many items a page has: as asked, but at most so many."""
    return min(asked or default, most)


def token_after(item: str) -> str:
    """Return the token of the page after an item; empty for none."""
    return urlsafe_b64encode(item.encode()).rstrip(b"=").decode()


def item_before(token: str) -> str:
    """Return the item that a token's page comes after; BAD_FRAME where it is no such token."""
    try:
        item = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    except (BinasciiError, ValueError) as error:
        raise _bad() from error
    if token_after(item) != token:
        raise _bad()
    return item


def _bad() -> Rejection:
    return Rejection(Code.BAD_FRAME, "page_token is not one of this service")
