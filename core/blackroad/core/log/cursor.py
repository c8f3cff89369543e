"""Cursors: opaque to clients, a proto message in base64url inside."""

from base64 import urlsafe_b64decode
from binascii import Error as BinasciiError
from binascii import b2a_base64
from typing import NamedTuple

from google.protobuf.message import DecodeError

from blackroad.core.errors import Code, Rejection
from blackroad.realtime.v1 import common_pb2

MAX_CURSOR_CHARACTERS = 256
LAYOUT_RULE = 0  # how channels are spread over partitions; part of the layout number

Places = tuple[tuple[int, int], ...]


class DecodedCursor(NamedTuple):
    """What a cursor says: the layout it was made under, and (epoch, sequence) of each partition."""

    layout: int
    places: Places


def layout_number(partitions: int) -> int:
    """Return the number of a layout: cursors of one do not hold under another."""
    return partitions << 4 | LAYOUT_RULE


# Filled anew for each cursor of one partition: setting fields costs half of making a message.
_ONE = common_pb2.Cursor(layout=layout_number(1), epochs=[0], sequences=[0])
_EPOCHS, _SEQUENCES = _ONE.epochs, _ONE.sequences
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def encode_cursor(places: Places) -> str:
    """Return the cursor of a place in every partition."""
    if len(places) == 1:
        return encode_place(*places[0])
    cursor = common_pb2.Cursor(
        layout=layout_number(len(places)),
        epochs=[epoch for epoch, _ in places],
        sequences=[sequence for _, sequence in places],
    )
    return _text(cursor)


def encode_place(epoch: int, sequence: int) -> str:
    """Return the cursor of a place in the only partition."""
    _EPOCHS[0] = epoch
    _SEQUENCES[0] = sequence
    return _text(_ONE)


def decode_cursor(text: str) -> DecodedCursor:
    """Return what the cursor says; raise `Rejection` with INVALID_CURSOR where it is not one."""
    if not text or len(text) > MAX_CURSOR_CHARACTERS or not text.isascii():
        raise _invalid()
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = common_pb2.Cursor.FromString(raw)
    except (BinasciiError, ValueError, DecodeError) as error:
        raise _invalid() from error
    places = tuple(zip(cursor.epochs, cursor.sequences, strict=False))
    lengths_agree = len(cursor.epochs) == len(cursor.sequences) == cursor.layout >> 4
    if not lengths_agree or (encode_cursor(places) != text and cursor.layout & 15 == LAYOUT_RULE):
        raise _invalid()
    return DecodedCursor(cursor.layout, places)


def _text(cursor: common_pb2.Cursor) -> str:
    text = b2a_base64(cursor.SerializeToString(), newline=False)
    return text.translate(_URL_SAFE, b"=").decode()


def _invalid() -> Rejection:
    return Rejection(Code.INVALID_CURSOR, "this is not a cursor of this service")
