"""A node reads on a number of connections that does not grow."""

from blackroad.core.log.redis.log import RedisLogSettings
from tests.contract.log.steps import say
from tests.core.log.redis.nodes import node
from tests.servers import Server


async def test_channels_cost_no_connections(server: Server) -> None:
    settings = RedisLogSettings(server.address)
    async with node(settings) as log:
        await say(log, "acme.room.0", "a")
        before = server.ask("INFO", "clients").split("connected_clients:")[1].split()[0]
        for number in range(100):
            await say(log, f"acme.room.{number}", "a")
            await log.history(f"acme.room.{number}", 10)
        after = server.ask("INFO", "clients").split("connected_clients:")[1].split()[0]
    assert int(after) <= int(before) == 4
