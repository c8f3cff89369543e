"""What must hold though the server of the log has lost all that it had."""

import asyncio

import pytest

from blackroad.client import Client, Policy
from blackroad.client.errors import Forbidden, RealtimeError
from blackroad.core.log.redis.embedded import server_binary
from blackroad.core.log.redis.keys import Keys
from blackroad.realtime.v1 import access_pb2
from tests.journeys.keys import core, token
from tests.servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.redis, pytest.mark.usefixtures("one_loop")]
ROOM = "vault.a"
REVOKED = "revoked-id"


def of(subject: str, jti: str = "") -> str:
    """Return a token of somebody who manages nothing."""
    return token(subject, "vault.>", jti=jti, actions=["subscribe", "publish"])


async def given_back(server: Server, *channels: str) -> None:
    """Return once the server knows channels again."""
    folded = Keys("blackroad", 0).folded
    async with asyncio.timeout(30):
        for channel in channels:
            words = ("HEXISTS", folded, f"default.{channel}")
            while ":1" not in await asyncio.to_thread(server.ask, *words):  # noqa: ASYNC110
                await asyncio.sleep(0.05)


async def test_private_stays_private_and_revoked_revoked_at_a_core_that_starts_later() -> None:
    server = Server(server_binary())
    log = f"redis://127.0.0.1:{server.port}"
    owning = token("owner", kind="service")
    try:
        with core(LOG=log) as one:
            address = f"grpc://{one.addresses['grpc']}"
            async with Client(address, owning) as owner:
                await owner.channels.create(ROOM, Policy(access="private"), members=["ann"])
                revoke = access_pb2.RevokeRequest(jti=REVOKED)
                await owner.unary(
                    "AccessService/Revoke", revoke, access_pb2.RevokeResponse.FromString
                )
                await asyncio.to_thread(server.ask, "FLUSHALL")
                await given_back(server, ROOM, "system.control")
            with core(LOG=log) as late:
                await holds(f"grpc://{late.addresses['grpc']}")
    finally:
        server.end()


async def holds(address: str) -> None:
    """Fail unless a core keeps out who is no member and who was revoked, and lets a member in."""
    async with Client(address, of("spy")) as spy:
        with pytest.raises(Forbidden):
            await spy.publish(ROOM, "let me in")
        with pytest.raises(Forbidden):
            async with spy.subscribe(ROOM):
                raise AssertionError("a private channel is open")
    async with Client(address, of("ann")) as member:
        await member.publish(ROOM, "here I am")
    async with Client(address, of("ann", REVOKED)) as revoked:
        with pytest.raises(RealtimeError) as caught:
            await revoked.publish(ROOM, "and again")
        assert caught.value.code == "unauthenticated"
