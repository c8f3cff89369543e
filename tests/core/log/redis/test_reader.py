"""A node reads the partitions that it attends to, on a number of connections that does not grow."""

from blackroad.core.log.layout import partition_of
from blackroad.core.log.redis.log import RedisLogSettings
from tests.contract.log.steps import request, say, texts
from tests.core.log.redis.nodes import following, node, until
from tests.servers import Server

PARTITIONS = 4
KEYS = {
    partition_of(f"acme.floor.{number}", PARTITIONS): f"acme.floor.{number}" for number in range(40)
}


async def test_only_what_is_attended_to_is_read_and_the_rest_is_made_up_for(server: Server) -> None:
    settings = RedisLogSettings(server.address, partitions=PARTITIONS)
    async with node(settings) as writer, node(settings) as log, following(log) as reader:
        for attended in ([0], [], [0, 1, 2, 3]):
            await log.attend(attended)
            await writer.append([request(key, f"{attended} {key}") for key in KEYS.values()])
            if attended == [0]:
                await until(lambda: len(reader.entries) == 1)
            if not attended:
                await say(writer, KEYS[1], "one more")
                assert len(reader.entries) == 1
        await until(lambda: len(reader.entries) == 3 * len(KEYS) + 1)
        for key in KEYS.values():
            offsets = [entry.offset for entry in reader.entries if entry.key == key]
            assert offsets == list(range(1, len(offsets) + 1))
        assert len(set(texts(reader.entries))) == len(reader.entries)


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
