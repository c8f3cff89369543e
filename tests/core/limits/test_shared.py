"""Quotas of two nodes on one server: used at both, they are one."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import AsyncExitStack

import pytest

from blackroad.core.clock import FakeClock
from blackroad.core.limits.quota import Allowance
from blackroad.core.limits.shared import Settlement, SharedQuota
from blackroad.core.log.accounts import Standing, Use
from blackroad.core.log.redis.embedded import server_binary
from blackroad.core.log.redis.log import RedisLog, RedisLogSettings
from tests.core.log.redis.nodes import node, until
from tests.servers import Server

USER = Allowance(10, 20, cooldown_seconds=60)
ADA = "acme.ada.user.messages"


@pytest.fixture
def server() -> Generator[Server]:
    """Return a server of the test's own."""
    server = Server(server_binary())
    yield server
    server.end()


class Nodes:
    """Settlements of nodes; the node's time is the test's, the server's is its own."""

    def __init__(self, logs: list[RedisLog]) -> None:
        self.logs = logs
        self.clock = FakeClock()
        self.all = [Settlement(log.accounts, self.clock) for log in logs]

    def quotas(self, allowance: Allowance = USER) -> list[SharedQuota]:
        return [settlement.quota(allowance, ADA) for settlement in self.all]

    async def settle(self, *quotas: SharedQuota) -> None:
        """Settle all that is to be, soon or later."""
        for settlement, quota in zip(self.all, quotas, strict=True):
            settlement.ask(quota, soon=True)
            assert await settlement.settle()


@pytest.fixture(params=[1, 4])
async def nodes(server: Server, request: pytest.FixtureRequest) -> AsyncGenerator[Nodes]:
    """Return two nodes."""
    settings = RedisLogSettings(server.address, partitions=request.param)
    async with AsyncExitStack() as stack:
        yield Nodes([await stack.enter_async_context(node(settings)) for _ in range(2)])


async def test_what_was_used_at_one_node_is_gone_at_the_other(nodes: Nodes) -> None:
    one, other = nodes.quotas()
    assert not one.take(20, 0)
    await nodes.settle(one, other)
    assert other.take(1, 0) > 0
    assert 0 < other.take(1, 0) <= 0.1


async def test_what_both_used_too_much_is_owed(nodes: Nodes) -> None:
    one, other = nodes.quotas()
    assert not one.take(20, 0)
    assert not other.take(20, 0)
    await nodes.settle(one, other)
    await nodes.settle(one, other)
    for quota in (one, other):
        assert 1.5 < quota.take(1, 0) <= 2.1


async def test_what_is_used_between_question_and_answer_counts(nodes: Nodes) -> None:
    one, other = nodes.quotas()
    assert not one.take(10, 0)
    use = one.use(0)
    assert not one.take(9, 0)
    one.stand((await nodes.logs[0].accounts.settle([use]))[0], 0)
    assert not one.take(1, 0)
    assert one.take(1, 0) > 0
    await nodes.settle(one, other)
    assert other.take(2, 0) > 0


async def test_the_minute_is_one_for_all(nodes: Nodes) -> None:
    one, other = nodes.quotas(Allowance(1000, 1000, per_minute=30))
    assert not one.take(15, 0)
    assert not other.take(10, 0)
    await nodes.settle(one, other)
    await nodes.settle(one, other)
    for quota in (one, other):
        assert 50 < quota.take(6, 0) <= 62
    assert not one.take(5, 0)


async def test_whoever_is_paused_at_one_node_is_so_at_all(nodes: Nodes) -> None:
    one, other = nodes.quotas()
    one.take(20, 0)
    for _ in range(101):
        one.take(1, 0)
    await nodes.settle(one, other)
    assert 59 < other.take(1, 10) + 10 <= 60


async def test_an_account_that_is_full_is_forgotten_everywhere(
    nodes: Nodes, server: Server
) -> None:
    one, other = nodes.quotas(Allowance(1000, 100))
    one.take(100, 0)
    assert not one.is_whole(0)
    await nodes.settle(one, other)
    assert one.is_whole(1)
    await until(lambda: ":account:" not in server.ask("KEYS", "*"))


@pytest.mark.slow
async def test_while_the_server_is_away_each_node_counts_for_itself(
    nodes: Nodes, server: Server
) -> None:
    one, _ = nodes.quotas()
    server.process.send_signal(signal.SIGSTOP)
    assert not one.take(20, 0)
    assert not await nodes.all[0].settle()
    assert one.take(1, 0) > 0
    assert not one.take(20, 2.1)
    server.process.send_signal(signal.SIGCONT)
    await until(lambda: all(log.healthy for log in nodes.logs))
    other = nodes.quotas()[1]
    await nodes.settle(one, other)
    assert other.take(1, 0) > 0


class Counted:
    """Accounts that count how often they are asked."""

    def __init__(self) -> None:
        self.rounds: list[int] = []

    async def settle(self, uses: Sequence[Use]) -> list[Standing]:
        self.rounds.append(len(uses))
        return [Standing(0.0, 0, 0.0, 0.0) for _ in uses]


async def test_messages_cost_no_question_each() -> None:
    accounts = Counted()
    settlement = Settlement(accounts, FakeClock())
    quotas = [settlement.quota(Allowance(1000, 100_000), f"acme.{n}") for n in range(1200)]
    running = asyncio.create_task(settlement.run())
    for _ in range(20):
        for quota in quotas:
            assert not quota.take(1, 0)
        await asyncio.sleep(0)
    await until(lambda: sum(accounts.rounds) >= 2 * len(quotas))
    running.cancel()
    await asyncio.wait([running])
    assert max(accounts.rounds) <= 500
    assert sum(accounts.rounds) < 4 * len(quotas)
