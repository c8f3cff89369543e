"""What must hold though the log has lost all that it had, or a core has missed what it said."""

import asyncio
from contextlib import AsyncExitStack, ExitStack

import pytest

from blackroad.client import Client, Policy
from blackroad.client.errors import Forbidden, RealtimeError
from blackroad.core.log.redis.embedded import server_binary
from blackroad.core.log.redis.keys import Keys
from blackroad.realtime.v1 import access_pb2
from tests.chaos.link import Link
from tests.journeys.keys import core, token
from tests.servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.redis, pytest.mark.usefixtures("one_loop")]
ROOM = "vault.a"
REVOKED = "revoked-id"
MIB = 1 << 20
PIECE = 60_000


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


async def test_who_was_put_out_while_a_core_was_cut_off_is_out_there_too() -> None:
    server = Server(server_binary())
    settings = {"RETENTION__BYTES": str(MIB)}
    try:
        async with Link(server.port) as way, AsyncExitStack() as stack:
            parts = stack.enter_context(ExitStack())
            start = parts.enter_context  # in a thread, since the way needs this one
            straight, bent = (f"redis://127.0.0.1:{port}" for port in (server.port, way.port))
            here = await asyncio.to_thread(start, core(LOG=straight, **settings))
            cut_off = await asyncio.to_thread(start, core(LOG=bent, **settings))
            me, ann, bob = [
                await stack.enter_async_context(Client(f"grpc://{one.addresses['grpc']}", shown))
                for one, shown in (
                    (here, token("owner", kind="service")),
                    (cut_off, of("ann")),
                    (cut_off, of("bob")),
                )
            ]
            await me.channels.create(ROOM, Policy(access="private"), members=["ann"])
            await until_it_may(ann)
            way.cut()
            await me.channels.remove_member(ROOM, "ann")
            await me.channels.add_member(ROOM, "bob")
            for number in range(4 * MIB // PIECE):  # one channel alone would go before others do
                await me.publish(f"vault.noise.{number % 8}", "x" * PIECE)
            way.mend()
            await until_it_may(bob)
            with pytest.raises(Forbidden):
                await ann.publish(ROOM, "am I still in?")
            assert "log.hole" in cut_off.process.output
    finally:
        server.end()


async def until_it_may(client: Client) -> None:
    """Return once somebody may publish in the room."""
    async with asyncio.timeout(30):
        while True:
            try:
                await client.publish(ROOM, "here I am")
                return
            except RealtimeError:
                await asyncio.sleep(0.1)
