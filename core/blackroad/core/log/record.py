"""One event on its way into the log."""

from typing import ClassVar, Final

import msgspec

from blackroad.core.ids import event_id_at

CONTROL_TYPES: Final = ("channel.", "token.")


class Record(msgspec.Struct, gc=False, eq=False):
    """One event to append: its body is a serialized Event without the fields that the log gives.

    The log keeps these by the hundred thousand, and they are in no cycle: the collector would look
    at each again and again.
    """

    event_id: str
    type: str
    body: bytes = b""
    expires_ns: int = 0  # Unix time after which it is not delivered; 0: never
    size: int = 0  # bytes; those of the body where it is not said

    def __post_init__(self) -> None:
        if not self.size:
            self.size = len(self.body)

    @property
    def controls(self) -> bool:
        """Whether it changes rights, for every event that comes after it."""
        return self.type.startswith(CONTROL_TYPES)

    def body_at(self, time_ns: int) -> bytes:
        """Return the body of what was appended at this time."""
        return self.body


class LateRecord(Record):
    """A record whose id and body are made when somebody reads them, since often nobody does.

    What it is made of must not change. `size` is about what the body will have.
    """

    # It changes no rights, and a constant is asked faster than a property.
    controls: ClassVar[bool] = False  # pyright: ignore[reportIncompatibleMethodOverride]  # as above

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

    def make(self) -> bytes:
        """Return the body, with `event_id` as its id."""
        raise NotImplementedError
