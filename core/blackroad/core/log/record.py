"""One event on its way into the log."""

from abc import ABC, abstractmethod
from typing import Final

from blackroad.core.ids import event_id_at

CONTROL_TYPES: Final = ("channel.", "token.")


class Record:
    """One event to append: its body is a serialized Event without the fields that the log gives."""

    __slots__ = ("body", "event_id", "expires_ns", "size", "type")

    def __init__(self, event_id: str, event_type: str, body: bytes, expires_ns: int = 0) -> None:
        self.event_id = event_id
        self.type = event_type
        self.body = body
        self.expires_ns = expires_ns  # Unix time after which it is not delivered; 0: never
        self.size = len(body)

    @property
    def controls(self) -> bool:
        """Whether it changes rights, for every event that comes after it."""
        return self.type.startswith(CONTROL_TYPES)

    def body_at(self, time_ns: int) -> bytes:
        """Return the body of what was appended at this time."""
        return self.body


class LateRecord(Record, ABC):
    """A record whose id and body are made when somebody reads them, since often nobody does.

    What it is made of must not change. `size` is about what the body will have.
    """

    __slots__ = ()
    controls = False

    def __init__(self, event_type: str, size: int) -> None:
        self.event_id = ""
        self.type = event_type
        self.body = b""
        self.expires_ns = 0
        self.size = size

    def id_at(self, time_ns: int) -> str:
        """Return the id, which has this time. The first call decides."""
        if not self.event_id:
            self.event_id = event_id_at(time_ns)
        return self.event_id

    def body_at(self, time_ns: int) -> bytes:
        """Return the body, whose id has this time. The first call decides."""
        if not self.body:
            self.id_at(time_ns)
            self.body = self.make()
        return self.body

    @abstractmethod
    def make(self) -> bytes:
        """Return the body, with `event_id` as its id."""
