"""A core with a JWKS at an address: keys come, change, and stay while the address is away."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import grpc
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc
from tests.core.access.world import Core, bearer, running

pytestmark = pytest.mark.usefixtures("one_loop")


class Issuer:
    """Signs with its newest key, and shows the keys that it has by HTTP."""

    def __init__(self) -> None:
        self.keys: dict[str, Ed25519PrivateKey] = {}
        self.status = "200 OK"
        self.asked = 0
        self.heard: asyncio.Queue[int] = asyncio.Queue()
        self.address = ""

    def rotate(self, kid: str) -> None:
        self.keys = {kid: Ed25519PrivateKey.generate()}

    def token(self) -> str:
        ((kid, key),) = self.keys.items()
        claims = {"sub": "ann", "kind": "user", "jti": kid, "exp": int(time.time()) + 60}
        return jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": kid})

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked += 1
        self.heard.put_nowait(self.asked)
        await reader.readuntil(b"\r\n\r\n")
        keys = [
            {**OKPAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": kid}
            for kid, key in self.keys.items()
        ]
        body = json.dumps({"keys": keys}).encode()
        head = f"HTTP/1.1 {self.status}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()


@asynccontextmanager
async def issuing() -> AsyncGenerator[Issuer]:
    issuer = Issuer()
    issuer.rotate("first")
    async with await asyncio.start_server(issuer.answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        issuer.address = f"http://{host}:{port}/keys"
        yield issuer


async def code_of(core: Core, shown: str) -> grpc.StatusCode:
    stub = channel_pb2_grpc.ChannelServiceStub(core.channel)
    try:
        await stub.ListChannels(
            channel_pb2.ListChannelsRequest(), metadata=bearer(shown), timeout=8
        )
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


async def test_the_first_call_with_a_new_key_waits_for_it() -> None:
    async with (
        issuing() as issuer,
        running(secret=None, jwks=issuer.address, jwks_refresh_seconds=1) as core,
    ):
        old = issuer.token()
        assert await code_of(core, old) is grpc.StatusCode.OK
        issuer.rotate("second")
        assert await code_of(core, issuer.token()) is grpc.StatusCode.OK
        withdrawn = await code_of(core, old)
        assert withdrawn in {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNAVAILABLE}
        issuer.status = "503 Service Unavailable"
        asked = issuer.asked
        async with asyncio.timeout(10):
            while await issuer.heard.get() < asked + 2:
                pass
        assert await code_of(core, issuer.token()) is grpc.StatusCode.OK, "the last keys hold"


async def test_a_flood_of_tokens_with_unknown_keys_asks_once_in_ten_seconds() -> None:
    async with issuing() as issuer, running(secret=None, jwks=issuer.address) as core:
        assert await code_of(core, issuer.token()) is grpc.StatusCode.OK
        stranger = Issuer()
        for number in range(20):
            stranger.rotate(f"unknown{number}")
            with pytest.raises(Exception, match="keys are being read"):
                await core.node.peers.client("", token=stranger.token())
        assert issuer.asked == 1
        refused = await core.node.peers.client("", token=issuer.token())
        assert refused.subject == "ann", "whom we know is not held up"


async def test_an_address_that_redirects_or_is_not_there_gives_no_keys() -> None:
    async with issuing() as issuer:
        issuer.status = "302 Found"
        async with running(secret=None, jwks=issuer.address) as core:
            assert await code_of(core, issuer.token()) is grpc.StatusCode.UNAVAILABLE
