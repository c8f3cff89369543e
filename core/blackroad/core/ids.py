"""Ids of events, answers and sessions: a prefix and a UUIDv7, so that they sort by time."""

import uuid_utils


def event_id() -> str:
    """Return a new id of an event."""
    return f"ev_{uuid_utils.uuid7()}"


def event_id_at(time_ns: int) -> str:
    """Return a new id of an event that was at this Unix time."""
    return f"ev_{uuid_utils.uuid7(nanoseconds=time_ns)}"


def stream_id() -> str:
    """Return a new id of an answer."""
    return f"st_{uuid_utils.uuid7()}"


def session_id() -> str:
    """Return a new id of a session."""
    return f"se_{uuid_utils.uuid7()}"
