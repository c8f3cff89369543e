"""Ids of events, answers and sessions: a prefix and a UUIDv7, so that they sort by time."""

from typing import Final

import uuid_utils

# Before version 1, which LangChain wants, a time was seconds and nanoseconds.
_TWO_NUMBERS: Final = uuid_utils.__version__.startswith("0.")


def event_id() -> str:
    """Return a new id of an event."""
    return f"ev_{uuid_utils.uuid7()!s}"


def event_id_at(time_ns: int) -> str:
    """Return a new id of an event that was at this Unix time."""
    if _TWO_NUMBERS:
        seconds, nanoseconds = divmod(time_ns, 1_000_000_000)
        return f"ev_{uuid_utils.uuid7(seconds, nanoseconds)!s}"  # type: ignore[call-arg]  # as above
    return f"ev_{uuid_utils.uuid7(nanoseconds=time_ns)!s}"


def stream_id() -> str:
    """Return a new id of an answer."""
    return f"st_{uuid_utils.uuid7()!s}"


def session_id() -> str:
    """Return a new id of a session."""
    return f"se_{uuid_utils.uuid7()!s}"
