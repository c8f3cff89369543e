"""What the log may take of the server's memory, as the server itself counts it."""

import gc

from blackroad.core.log.base import Appended
from blackroad.core.log.entry import Entry
from blackroad.core.log.redis.log import RedisLogSettings
from tests.contract.log.steps import ROOM, request
from tests.core.log.redis.nodes import following, node, until
from tests.servers import Server

MIB = 1 << 20
KEY = f"{ROOM}.held"
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


async def test_what_is_past_its_time_goes_from_a_node_that_nobody_asks(server: Server) -> None:
    settings = RedisLogSettings(server.address, retain_seconds=1.0)
    async with node(settings) as log, following(log) as reader:
        await log.append([request(KEY, "x")])
        await until(lambda: bool(reader.entries))
        await log.append([request(ROOM, "another, since the last batch is always in some hand")])
        await until(lambda: len(reader.entries) == 2)
        reader.entries.clear()
        await until(lambda: not held(), 30)
        assert log.healthy


def held() -> bool:
    """Tell whether an entry of the test is anywhere in this process."""
    found = [one for one in gc.get_objects() if isinstance(one, Entry) and one.key == KEY]
    return bool(found)
