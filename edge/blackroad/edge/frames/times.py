"""Times as the browser protocol writes them: RFC 3339 in UTC with milliseconds and `Z`."""

from datetime import UTC, datetime
from typing import Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from blackroad.edge.errors import Refusal

MAX_SECONDS: Final = 315_576_000_000  # google.protobuf.Duration
_second: tuple[int, str] = (-1, "")


def rfc3339(time: Timestamp) -> str:
    """Return the time as text; neighbouring calls for one second share the work."""
    global _second  # noqa: PLW0603 - a cache of one: events of one second come together
    seconds = time.seconds
    cached, text = _second
    if cached != seconds:
        text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        _second = (seconds, text)
    return f"{text}.{time.nanos // 1_000_000:03d}Z"


def parse_time(text: str) -> Timestamp:
    """Return what an RFC 3339 text says; Refusal `bad_frame` where it is none or has no zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal("bad_frame", "a time is RFC 3339, such as 2030-01-31T12:00:00.000Z") from None
    if moment.tzinfo is None:
        raise Refusal("bad_frame", "a time needs its zone, such as Z")
    time = Timestamp()
    time.FromDatetime(moment.astimezone(UTC).replace(tzinfo=None))
    return time


def seconds_of(duration: Duration) -> float:
    """Return a duration in seconds."""
    return duration.seconds + duration.nanos / 1e9


def duration_of(seconds: float) -> Duration:
    """Return seconds as a duration; Refusal `bad_frame` beyond the 10,000 years that it can say."""
    if not abs(seconds) <= MAX_SECONDS:  # nor is NaN
        raise Refusal("bad_frame", "so many seconds are no time")
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
