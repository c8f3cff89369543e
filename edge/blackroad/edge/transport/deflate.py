"""permessage-deflate (RFC 7692), each message by itself: no socket keeps a window of the last."""

import zlib
from typing import Final, Protocol

from wsproto.extensions import Extension
from wsproto.frame_protocol import CloseReason, FrameDecoder, FrameProtocol, Opcode, RsvBits

from blackroad.edge.transport.frames import text_frame

NAME: Final = "permessage-deflate"
ANSWER: Final = f"{NAME}; server_no_context_takeover; client_no_context_takeover".encode()
LEAST_BYTES: Final = 256
"""What is shorter hardly shrinks without what came before it."""
_RAW: Final = -zlib.MAX_WBITS
_TAIL: Final = b"\x00\x00\xff\xff"
_LARGEST_WINDOW: Final = str(zlib.MAX_WBITS)
_TAKEN: Final = frozenset(
    {"server_no_context_takeover", "client_no_context_takeover", "client_max_window_bits"}
)


def accepts(offers: bytes) -> bool:
    """Say whether one of the offers in a handshake's header can be met by `ANSWER`."""
    return any(_accepts(offer) for offer in offers.decode("latin-1").split(","))


def _accepts(offer: str) -> bool:
    name, *parameters = (part.strip() for part in offer.split(";"))
    pairs = [parameter.partition("=") for parameter in parameters]
    names = [key.strip() for key, _, _ in pairs]
    if name != NAME or len(set(names)) < len(names):
        return False
    return all(
        key.strip() in _TAKEN
        # A smaller window of ours would be a rendering of its own: such an offer is declined.
        or (key.strip() == "server_max_window_bits" and value.strip(' "') == _LARGEST_WINDOW)
        for key, _, value in pairs
    )


def deflated_frame(payload: bytes) -> bytes:
    """Return a text frame as `text_frame` does, compressed where that makes it shorter."""
    if len(payload) < LEAST_BYTES:
        return text_frame(payload)
    deflator = zlib.compressobj(wbits=_RAW)
    deflated = deflator.compress(payload) + deflator.flush(zlib.Z_SYNC_FLUSH)
    if len(deflated) - len(_TAIL) >= len(payload):
        return text_frame(payload)
    return b"\xc1" + text_frame(deflated.removesuffix(_TAIL))[1:]


class _Inflator(Protocol):
    """What `zlib.decompressobj` returns."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class Inflate(Extension):
    """What wsproto asks of an extension, for messages that come in.

    A message that would be larger than the limit is given up (1009) as soon as that is seen.
    """

    name = NAME

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._control = False
        self._inflator: _Inflator | None = None

    def enabled(self) -> bool:
        """Say that it was agreed on."""
        return True

    def offer(self) -> bool:
        """Offer nothing: it is for servers."""
        return False

    def frame_inbound_header(
        self,
        proto: FrameDecoder | FrameProtocol,
        opcode: Opcode,
        rsv: RsvBits,
        payload_length: int,
    ) -> CloseReason | RsvBits:
        """Take a frame's header: the first of a message says whether it is compressed."""
        self._control = opcode.iscontrol()
        if self._control or opcode is Opcode.CONTINUATION:
            if rsv.rsv1:
                return CloseReason.PROTOCOL_ERROR
        else:
            self._size = 0
            self._inflator = zlib.decompressobj(_RAW) if rsv.rsv1 else None
        return RsvBits(rsv1=True, rsv2=False, rsv3=False)

    def frame_inbound_payload_data(
        self, proto: FrameDecoder | FrameProtocol, data: bytes
    ) -> bytes | CloseReason:
        """Return what a part of a payload stands for."""
        return data if self._control else self._inflated(bytes(data))

    def frame_inbound_complete(
        self, proto: FrameDecoder | FrameProtocol, fin: bool
    ) -> bytes | CloseReason | None:
        """Return what the end of a message holds."""
        if self._control or not fin or self._inflator is None:
            return None
        rest = self._inflated(_TAIL)
        self._inflator = None
        return rest

    def _inflated(self, data: bytes) -> bytes | CloseReason:
        if self._inflator is None:
            return data
        try:
            inflated = self._inflator.decompress(data, self._limit - self._size + 1)
        except zlib.error:
            return CloseReason.INVALID_FRAME_PAYLOAD_DATA
        self._size += len(inflated)
        return inflated if self._size <= self._limit else CloseReason.MESSAGE_TOO_BIG
