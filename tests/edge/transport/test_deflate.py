"""permessage-deflate: who gets it, what comes of it, and what a bomb costs."""

import os
import zlib

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosedError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from blackroad.edge.transport import Limits, deflated_frame, text_frame
from blackroad.edge.transport.deflate import LEAST_BYTES, accepts
from tests.edge.transport.rig import serve

LONG = "the same again and again, " * 100
DEFLATED = "permessage-deflate"


@pytest.mark.parametrize(
    ("offers", "accepted"),
    [
        (DEFLATED, True),
        (f"{DEFLATED}; client_max_window_bits", True),
        (f'{DEFLATED}; server_max_window_bits="15"; client_max_window_bits=9', True),
        (f"x-other, {DEFLATED}; server_no_context_takeover", True),
        (f"{DEFLATED}; server_max_window_bits=9, {DEFLATED}", True),
        (f"{DEFLATED}; server_max_window_bits=9", False),
        (f"{DEFLATED}; unknown", False),
        (f"{DEFLATED}; client_max_window_bits; client_max_window_bits", False),
        ("x-other", False),
        ("", False),
    ],
)
def test_an_offer_is_taken_where_it_can_be_met(offers: str, *, accepted: bool) -> None:
    assert accepts(offers.encode()) is accepted


@pytest.mark.parametrize("size", [0, 1, LEAST_BYTES - 1, LEAST_BYTES, 126_000])
def test_a_frame_is_compressed_only_where_that_makes_it_shorter(size: int) -> None:
    same = b"a" * size
    noise = os.urandom(size).hex().encode()[:size]
    assert len(deflated_frame(same)) <= len(text_frame(same))
    assert (deflated_frame(same)[0] == 0xC1) is (size >= LEAST_BYTES)
    assert len(deflated_frame(noise)) <= len(text_frame(noise))


async def test_messages_go_compressed_both_ways_to_who_offers_it() -> None:
    async with serve(Limits(compress=True)) as server, connect(server.url) as socket:
        assert [one.name for one in socket.protocol.extensions] == [DEFLATED]
        for text in (LONG, "short", "", "Grüße " * 100, LONG):
            await socket.send(text)
            assert await socket.recv() == text
        await socket.send([LONG[:700], LONG[700:1500], LONG[1500:]])
        assert await socket.recv() == LONG


@pytest.mark.parametrize(("offers", "compress"), [(True, False), (False, True)])
async def test_without_offer_or_setting_nothing_is_compressed(
    *, offers: bool, compress: bool
) -> None:
    compression = "deflate" if offers else None
    async with (
        serve(Limits(compress=compress)) as server,
        connect(server.url, compression=compression) as socket,
    ):
        assert socket.protocol.extensions == []
        await socket.send(LONG)
        assert await socket.recv() == LONG


async def test_a_client_that_wants_a_smaller_window_goes_without() -> None:
    factory = ClientPerMessageDeflateFactory(server_max_window_bits=9)
    async with (
        serve(Limits(compress=True)) as server,
        connect(server.url, compression=None, extensions=[factory]) as socket,
    ):
        assert socket.protocol.extensions == []


async def test_a_bomb_ends_with_1009_before_it_is_inflated() -> None:
    async with (
        serve(Limits(compress=True, message_bytes=100_000)) as server,
        connect(server.url) as socket,
    ):
        await socket.send("x" * 100_000)
        assert await socket.recv() == "x" * 100_000
        await socket.send("x" * 50_000_000)
        with pytest.raises(ConnectionClosedError) as ended:
            await socket.recv()
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1009
        assert [len(text) for text in (await server.peer()).texts] == [100_000]


async def test_many_messages_that_inflate_hold_neither_the_loop_nor_one_another() -> None:
    most = Limits(compress=True, bytes_per_second=1 << 30, messages_per_second=1 << 18)
    async with serve(most) as server, connect(server.url) as socket, connect(server.url) as other:
        for _ in range(20):
            await socket.send("y" * 1_000_000)
        await other.send("still here")
        assert await other.recv() == "still here"
        for _ in range(20):
            assert len(await socket.recv()) == 1_000_000


@pytest.mark.parametrize(
    ("first", "payload", "code"),
    [
        (0xC1, b"\xff\xff\xff\xff", 1007),  # not deflated
        (0xC1, zlib.compress(b"\xff" * 300, wbits=-15), 1007),  # not UTF-8
        (0xC9, b"x", 1002),  # a compressed ping
        (0xC0, b"x", 1002),  # a continuation that says so again
        (0xA1, b"x", 1002),  # a bit that nothing was agreed on
    ],
)
async def test_what_breaks_the_rules_ends_with_its_code(
    first: int, payload: bytes, code: int
) -> None:
    async with serve(Limits(compress=True)) as server, connect(server.url) as socket:
        socket.transport.write(bytes([first, 0x80 | len(payload), 0, 0, 0, 0]) + payload)
        with pytest.raises(ConnectionClosedError) as ended:
            await socket.recv()
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == code
