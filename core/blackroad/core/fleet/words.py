"""What nodes say to each other, as events of channels that no tenant can name."""

from typing import Final

import msgspec

from blackroad.core.ids import event_id
from blackroad.core.log.base import Append, Keep
from blackroad.core.log.entry import Entry
from blackroad.core.log.record import Record
from blackroad.realtime.v1 import event_pb2

TENANT: Final = "~"  # no tenant may be called so
COMMON: Final = f"{TENANT}.system.fleet"  # what all nodes read, in one order
NO_HISTORY: Final = Keep(0, 0.0)

BEAT: Final = "fleet.beat"
BOARD: Final = "fleet.board"
LOST: Final = "fleet.lost"
ASK: Final = "fleet.ask"
ANSWER: Final = "fleet.answer"


class Beat(msgspec.Struct, array_like=True, frozen=True):
    """A node lives. `asks`: for what all others have on the board. `leaves`: it is its last."""

    node: str  # the generation
    count: int
    info: bytes  # a serialized NodeInfo
    asks: bool = False
    leaves: bool = False


class Items(msgspec.Struct, array_like=True, frozen=True):
    """Changes of what a node has on the board. `first` and `last` frame all that it has."""

    node: str
    items: list[tuple[str, str, bytes | None]]
    first: bool = False
    last: bool = False


class Lost(msgspec.Struct, array_like=True, frozen=True):
    """A node is declared dead by another. The first such event counts."""

    node: str
    by: str


class Ask(msgspec.Struct, array_like=True, frozen=True):
    """A piece of a question to one node."""

    node: str  # who asks
    number: int
    kind: str
    piece: bytes
    last: bool = True


class Answer(msgspec.Struct, array_like=True, frozen=True):
    """A piece of the answer; with a code, why there is none."""

    number: int
    piece: bytes
    last: bool = True
    code: int = 0
    message: str = ""


Word = Beat | Items | Lost | Ask | Answer
_ENCODER: Final = msgspec.msgpack.Encoder()


def inbox(node: str) -> str:
    """Return the key of the channel that only one node reads."""
    return f"{TENANT}.client.{node}"


def append_of(key: str, kind: str, word: Word) -> Append:
    """Return what says a word on a channel."""
    event = event_pb2.Event(
        id=event_id(), channel=key.partition(".")[2], type=kind, data=_ENCODER.encode(word)
    )
    return Append(key, [Record(event.id, kind, event.SerializeToString())], NO_HISTORY)


def order_of(entry: Entry) -> int:
    """Return where in the log a word is, as a number that grows, also where the log begins anew.

    Offsets alone then begin at one again, while other partitions still know the greatest. An epoch
    is in milliseconds: less than 2,048 words in each keep the order, and 53 bits hold the number.
    """
    return (entry.epoch << 11) + entry.offset


def data_of(entry: Entry) -> bytes:
    """Return the word of an entry, encoded."""
    return event_pb2.Event.FromString(entry.body).data
