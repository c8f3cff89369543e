"""The small values that frames and documents share: usage, policy, presence, JSON as text."""

from typing import Final

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from blackroad.edge.frames import words
from blackroad.edge.frames.times import rfc3339, seconds_of
from blackroad.realtime.v1 import channel_pb2, event_pb2, presence_pb2

ENCODER: Final = msgspec.json.Encoder()


def json_of(text: str) -> Raw | str:
    """Return JSON that came as text as JSON; a text that is none stays a string."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    return Raw(text.encode())


def optional_json(text: str) -> Raw | str | UnsetType:
    """Return `json_of`, or nothing for an empty text."""
    return json_of(text) if text else UNSET


class Usage(Struct):
    """Tokens counted."""

    input_tokens: int
    output_tokens: int


def usage_of(usage: event_pb2.Usage) -> Usage:
    """Return the counted tokens."""
    return Usage(usage.input_tokens, usage.output_tokens)


class HistoryPolicy(Struct, omit_defaults=True):
    """How much of the past a channel keeps."""

    limit: int | UnsetType = UNSET
    ttl_seconds: float | UnsetType = UNSET


class Policy(Struct, omit_defaults=True):
    """How a channel behaves."""

    access: str
    presence: bool | UnsetType = UNSET
    history: HistoryPolicy | UnsetType = UNSET
    max_members: int | UnsetType = UNSET
    publishers: str | UnsetType = UNSET
    history_before_join: bool | UnsetType = UNSET


def policy_of(policy: channel_pb2.ChannelPolicy) -> Policy:
    """Return the policy as documents and `subscribed` show it."""
    history = HistoryPolicy(
        limit=policy.history_limit if policy.HasField("history_limit") else UNSET,
        ttl_seconds=seconds_of(policy.history_ttl) if policy.HasField("history_ttl") else UNSET,
    )
    joined = policy.HasField("history_before_join")
    return Policy(
        access=words.ACCESSES.get(policy.access, "public"),
        presence=policy.presence,
        history=history,
        max_members=policy.max_members if policy.HasField("max_members") else UNSET,
        publishers=words.PUBLISHERS.get(policy.publishers, "anyone"),
        history_before_join=policy.history_before_join if joined else UNSET,
    )


class EntitySession(Struct, omit_defaults=True):
    """One session of an entity."""

    session_id: str
    status: str
    metadata: Raw | str | UnsetType = UNSET
    capabilities: list[str] | UnsetType = UNSET
    max_concurrency: int | UnsetType = UNSET
    active: int | UnsetType = UNSET
    node: str | UnsetType = UNSET
    connected_at: str | UnsetType = UNSET


class Entity(Struct, omit_defaults=True):
    """Who is here, and how."""

    entity_id: str
    entity_type: str
    status: str
    last_seen: str | UnsetType
    metadata: Raw | str
    sessions: list[EntitySession]


def entity_of(presence: presence_pb2.Presence) -> Entity:
    """Return one record of presence."""
    seen = presence.HasField("last_seen_time")
    return Entity(
        entity_id=presence.entity_id,
        entity_type=words.KINDS.get(presence.entity_type, "user"),
        status=words.STATUSES.get(presence.status, "offline"),
        last_seen=rfc3339(presence.last_seen_time) if seen else UNSET,
        metadata=json_of(presence.metadata_json or "{}"),
        sessions=[_entity_session(session) for session in presence.sessions],
    )


def _entity_session(session: presence_pb2.PresenceSession) -> EntitySession:
    worker = session.max_concurrency > 0
    return EntitySession(
        session_id=session.session_id,
        status=words.STATUSES.get(session.status, "online"),
        metadata=optional_json(session.metadata_json),
        capabilities=list(session.capabilities) or UNSET,
        max_concurrency=session.max_concurrency if worker else UNSET,
        active=session.active if worker else UNSET,
        node=session.node or UNSET,
        connected_at=rfc3339(session.connect_time) if session.HasField("connect_time") else UNSET,
    )
