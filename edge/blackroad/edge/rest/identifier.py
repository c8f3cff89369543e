"""Ids in the paths of routes: any that the doors take, `/` as `%2F`."""

from typing import ClassVar

from fastapi import Request
from starlette.convertors import Convertor, register_url_convertor

from blackroad.edge.errors import Refusal
from blackroad.edge.identifiers import client_id_of


class IdConvertor(Convertor[str]):
    """Matches the last part of a path, whatever is in it: `last_id` says what is wrong."""

    regex: ClassVar[str] = r"[\s\S]+"

    def convert(self, value: str) -> str:
        """Return it as it is."""
        return value

    def to_string(self, value: str) -> str:
        """Return it as it is."""
        return value


register_url_convertor("id", IdConvertor())


def last_id(request: Request, decoded: str) -> str:
    """Return the id that a path's last segment spells; `decoded` is what the route has matched.

    Refusal `invalid_name` where it spells none, `not_found` where it is more than one segment.
    """
    raw_path: bytes = request.scope["raw_path"]
    segment = raw_path.rpartition(b"/")[2]
    if not segment or (found := client_id_of(segment)) != decoded:
        raise Refusal("not_found")
    return found
