"""What an UpdateChannel names, and the metadata that it may carry."""

from collections.abc import Iterable
from typing import Final

import msgspec

from blackroad.core.channel.policy import FIELDS
from blackroad.core.errors import Code, Rejection
from blackroad.core.json_text import check_json

MAX_METADATA_BYTES: Final = 4 << 10
METADATA: Final = "metadata_json"


def policy_fields(paths: Iterable[str]) -> set[str]:
    """Return the fields of the policy that a mask names.

    Raises MISSING_FIELD for an empty mask, and BAD_FRAME for a path that is not there.
    """
    fields: set[str] = set()
    named = False
    for path in paths:
        named = True
        head, _, field = path.partition(".")
        if path == "policy":
            fields.update(FIELDS.values())
        elif head == "policy" and field in FIELDS:
            fields.add(FIELDS[field])
        elif path != METADATA:
            raise Rejection(Code.BAD_FRAME, "update_mask names a field that cannot be changed")
    if not named:
        raise Rejection(Code.MISSING_FIELD, "update_mask is required")
    return fields


def check_metadata(text: str) -> msgspec.Raw:
    """Return metadata as JSON; nothing is the empty object. TOO_LARGE, BAD_FRAME."""
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise Rejection(Code.TOO_LARGE, f"metadata is at most {MAX_METADATA_BYTES} bytes")
    stated = check_json(text or "{}").strip(" \t\r\n")
    if not stated.startswith("{"):
        raise Rejection(Code.BAD_FRAME, "metadata_json is not a JSON object")
    return msgspec.Raw(stated.encode())
