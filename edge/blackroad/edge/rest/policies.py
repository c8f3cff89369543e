"""What a body says of a channel, as the contract has it."""

import re
from typing import Final

import msgspec

from blackroad.edge.errors import Refusal
from blackroad.edge.frames import words
from blackroad.edge.frames.times import duration_of
from blackroad.edge.rest.bodies import ChannelChanges, HistoryBody
from blackroad.realtime.v1 import channel_pb2

_ETAG: Final = re.compile(r'"([^"]*)"')


def seen_etag(etag: str | None, if_match: str | None) -> str:
    """Return the etag that a caller has seen, empty for any.

    Refusal `bad_frame` where `If-Match` is not one strong etag or `*`, or another than `etag`.
    """
    if if_match is None or if_match.strip() == "*":
        return etag or ""
    found = _ETAG.fullmatch(if_match.strip())
    if found is None or not found[1]:
        raise Refusal("bad_frame", "`If-Match` is one etag between double quotes, or `*`")
    if etag and etag != found[1]:
        raise Refusal("bad_frame", "`If-Match` and `etag` are two")
    return found[1]


def policy(body: ChannelChanges) -> channel_pb2.ChannelPolicy:
    """Return the policy that a body names."""
    made = channel_pb2.ChannelPolicy(
        presence=bool(body.presence),
        max_members=body.max_members,
        history_before_join=body.history_before_join,
    )
    if body.access is not None:
        made.access = words.ACCESS_VALUES[body.access]
    if body.publishers is not None:
        made.publishers = words.PUBLISHER_VALUES[body.publishers]
    history = HistoryBody(limit=body.history) if isinstance(body.history, int) else body.history
    if history is not None and history.limit is not None:
        made.history_limit = history.limit
    if history is not None and history.ttl_seconds is not None:
        made.history_ttl.CopyFrom(duration_of(history.ttl_seconds))
    return made


def metadata(body: ChannelChanges) -> str:
    """Return the metadata as JSON text; empty where there is none."""
    return "" if body.metadata is None else msgspec.json.encode(body.metadata).decode()


def mask(body: ChannelChanges) -> list[str]:
    """Return the paths that a body names; Refusal `missing_field` where it names none."""
    named = body.model_dump(exclude_none=True)
    paths = [
        f"policy.{field}"
        for field in ("access", "presence", "max_members", "publishers", "history_before_join")
        if field in named
    ]
    if isinstance(body.history, int):
        paths.append("policy.history_limit")
    elif body.history is not None:
        limits = {"limit": "policy.history_limit", "ttl_seconds": "policy.history_ttl"}
        paths += [path for field, path in limits.items() if field in named["history"]]
    if body.metadata is not None:
        paths.append("metadata_json")
    if not paths:
        raise Refusal("missing_field", "the body changes nothing")
    return paths
