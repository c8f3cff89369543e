"""Both ways in find the same messages, however the bytes are cut; frames out are wsproto's own."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st
from wsproto.frame_protocol import FrameProtocol

from blackroad.edge.transport import Socket, Transport, text_frame
from blackroad.edge.transport.inbox import whole_frame
from tests.edge.transport.rig import Peer

SIZES = st.one_of(st.integers(0, 130), st.sampled_from([65_535, 65_536, 70_000]))


class Wire(asyncio.Transport):
    """A transport that throws away what is written."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Throw it away."""

    def get_write_buffer_size(self) -> int:
        return 0


def frames(texts: list[tuple[int, bool]]) -> tuple[bytes, list[bytes]]:
    """Return masked frames, whole or in two fragments with a ping between, and what they say."""
    client = FrameProtocol(client=True, extensions=[])
    wire, said = bytearray(), list[bytes]()
    for size, cut in texts:
        text = "é€x" * (size // 3)
        said.append(text.encode())
        if cut:
            wire += client.send_data(text[: size // 6], fin=False)
            wire += client.ping(b"between")
            wire += client.send_data(text[size // 6 :])
        else:
            wire += client.send_data(text) + client.pong()
    return bytes(wire), said


@given(st.lists(st.tuples(SIZES, st.booleans()), max_size=6), st.lists(st.integers(1, 400)))
def test_messages_are_the_same_however_they_are_cut(
    texts: list[tuple[int, bool]], cuts: list[int]
) -> None:
    wire, said = frames(texts)
    peer = Peer()
    peer.outlet = Socket(Transport(), Wire(), peer, deflates=False)
    for cut in cuts:
        peer.outlet.data_received(wire[:cut])
        wire = wire[cut:]
    peer.outlet.data_received(wire)
    assert peer.texts == said
    assert peer.codes == []


@given(st.binary(max_size=40))
def test_the_short_way_takes_nothing_but_what_it_knows(data: bytes) -> None:
    found = whole_frame(data, 0)
    if found is not None:
        first, payload, end = found
        assert first in (0x81, 0x8A)
        server = FrameProtocol(client=False, extensions=[])
        server.receive_bytes(b"\x82" + data[1:end])
        (frame,) = server.received_frames()
        assert frame.payload == payload


@given(SIZES)
def test_a_text_frame_is_what_wsproto_makes(size: int) -> None:
    server = FrameProtocol(client=False, extensions=[])
    assert text_frame(b"x" * size) == bytes(server.send_data("x" * size))
