"""What the log may take of the server's memory, as the server itself counts it."""

from blackroad.core.log.base import Appended
from blackroad.core.log.redis.log import RedisLogSettings
from tests.contract.log.steps import ROOM, request
from tests.core.log.redis.nodes import node
from tests.servers import Server

MIB = 1 << 20
USED = """
local used = 0
for _, key in ipairs(redis.call('KEYS', '*:history:*')) do
  used = used + redis.call('MEMORY', 'USAGE', key)
end
return used
"""


async def test_many_small_histories_take_no_more_than_all_may(server: Server) -> None:
    settings = RedisLogSettings(server.address, history_bytes=2 * MIB)
    async with node(settings) as log:
        keys = [f"{ROOM}.{number}" for number in range(2000)]
        for first in range(0, len(keys), 100):
            batch = [request(key, "x") for key in keys[first : first + 100]]
            assert all(isinstance(answer, Appended) for answer in await log.append(batch))
        await log.beat()
        used = int(server.ask("EVAL", USED, "0").removeprefix(":"))
        assert MIB < used < 2.2 * MIB
        assert (await log.history(keys[-1], 1)).entries
