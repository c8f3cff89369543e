"""`blackroad agents`: one host of agents."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack

import structlog
import uvloop
from prometheus_client import GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR
from prometheus_client.registry import CollectorRegistry

from blackroad.agents.host import AgentHost
from blackroad.agents.settings import AgentsSettings
from blackroad.cli.logs import configure
from blackroad.cli.parts import garbage
from blackroad.cli.parts.lifeline import Lifeline
from blackroad.cli.parts.stop import Stop
from blackroad.cli.settings.agents import roster_of
from blackroad.cli.settings.parts import LoggingPart, MetricsPart
from blackroad.cli.settings.read import settings_of
from blackroad.core.address import split_address
from blackroad.core.door.probes import Probes

LOG = structlog.get_logger(__name__)


def run(flags: Sequence[str], lifeline_number: int | None) -> None:
    """Serve until a signal."""
    lifeline = Lifeline(lifeline_number)
    with lifeline.reporting():
        _run(flags, lifeline)


def _run(flags: Sequence[str], lifeline: Lifeline) -> None:
    settings = settings_of(AgentsSettings, flags)
    metrics = settings_of(MetricsPart, flags).metrics
    configure(settings_of(LoggingPart, flags).logging, "agents")
    roster = roster_of(settings)
    LOG.info("agents.read", agents=sorted(roster.agents))
    try:
        uvloop.run(_serve(settings, metrics, lifeline))
    except BaseExceptionGroup as group:  # of one: it may not serve, or not any more
        raise group.exceptions[0] from None


async def _serve(settings: AgentsSettings, metrics: str | None, lifeline: Lifeline) -> None:
    stop = Stop()
    host = AgentHost(settings)
    registered = asyncio.Event()
    addresses: dict[str, str] = {}

    def ready() -> None:
        registered.set()
        garbage.tune()
        lifeline.ready({"model": host.model, **addresses})

    async with AsyncExitStack() as stack:
        if metrics is not None:
            probes = Probes(_registry(), lambda: registered.is_set() and not stop.asked.is_set())
            listening = probes.open(*split_address(metrics))
            addresses["agents_metrics"] = await stack.enter_async_context(listening)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        serving = tasks.create_task(host.serve(ready))
        asked = tasks.create_task(stop.asked.wait())
        await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if registered.is_set():
            host.drain()
        else:
            serving.cancel()


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (GC_COLLECTOR, PLATFORM_COLLECTOR, PROCESS_COLLECTOR):
        registry.register(collector)
    return registry
