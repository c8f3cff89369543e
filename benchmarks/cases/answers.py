"""A model's answer: what is added to the first token and to each, and tokens per CPU second."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from benchmarks.answers import provider, viewers
from benchmarks.answers.order import View, Viewed, Way
from benchmarks.harness.measure import Bench, Contender, Metric, WrongCount, percentile
from benchmarks.harness.processes import cpu_seconds, installation
from benchmarks.harness.remote import Remote, RemoteFailed
from benchmarks.peers import litellm, relay
from benchmarks.peers.environment import NotInstalled

PROMISE: Final = "100 ms promised, 10 ms aimed at"
PACE_SECONDS: Final = 0.02

Far = Remote[View, Viewed]


@dataclass(frozen=True, slots=True)
class Work:
    """How many first tokens are asked for, one by one, and how long an answer is else.

    `answers` is how many are viewed at once, by the number of viewers of each.
    """

    firsts: int
    tokens: int
    answers: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class Direct:
    """The provider's SDK, with nothing between: what the others add to."""

    name: str
    far: Far
    port: int
    work: Work

    async def round(self) -> Mapping[Metric, float]:
        """Measure what is taken off the others' figures."""
        first, ages = await _times(self.far, Way.OLLAMA, self.port, self.work)
        return {
            Metric("one viewer: the first token: p50", "ms"): percentile(first, 50) * 1e3,
            Metric("one viewer: the first token: p99", "ms"): percentile(first, 99) * 1e3,
            Metric("one viewer: a later token: p50", "ms"): percentile(ages, 50) * 1e3,
            Metric("one viewer: a later token: p99", "ms"): percentile(ages, 99) * 1e3,
        }


@dataclass(frozen=True, slots=True)
class Served:
    """One server between the provider and its viewers; `pids` are all of its processes."""

    name: str
    way: Way
    far: Far
    port: int
    provider_port: int
    pids: tuple[int, ...]
    work: Work
    promise: str = ""

    async def round(self) -> Mapping[Metric, float]:
        """Ask as the provider's SDK does directly, just before; then for more and more viewers."""
        base, base_ages = await _times(self.far, Way.OLLAMA, self.provider_port, self.work)
        first, ages = await _times(self.far, self.way, self.port, self.work)
        sample = {
            Metric(f"one viewer: added to the {what}: p{percent}", "ms", promise): (
                percentile(took, percent) - percentile(direct, 50)
            )
            * 1e3
            for what, took, direct, promise in (
                ("first token", first, base, self.promise),
                ("delay of a later token", ages, base_ages, ""),
            )
            for percent in (50, 99)
        }
        for each, answers in self.work.answers.items():
            sample |= await self._shown(each, answers)
        return sample

    async def _shown(self, each: int, answers: int) -> dict[Metric, float]:
        before = cpu_seconds(self.pids)
        order = View(self.way, self.port, self.work.tokens, PACE_SECONDS, answers, each)
        heard = await _asked(self.far, order)
        name = f"{each} viewer{'s' * (each > 1)} of each answer: tokens shown per CPU second"
        return {Metric(name, "1/s"): heard.tokens / (cpu_seconds(self.pids) - before)}


async def _times(far: Far, way: Way, port: int, work: Work) -> tuple[list[float], list[float]]:
    """Return how long first tokens took one by one, and how late each token of some answers was."""
    first = await _asked(far, View(way, port, 1, 0, work.firsts, in_turn=True))
    long = await _asked(far, View(way, port, work.tokens, PACE_SECONDS, 2))
    return first.first_seconds, long.ages_seconds


async def _asked(far: Far, order: View) -> Viewed:
    try:
        heard = await far.ask(order)
    except RemoteFailed as failed:
        raise WrongCount(f"{order}: {failed}") from None
    if heard.tokens != order.tokens * order.answers * order.viewers:
        raise WrongCount(f"{heard.tokens} tokens came of {order}")
    return heard


async def measure(bench: Bench) -> None:
    """Each server in front of one stand-in for Ollama; LiteLLM's is left out where it is not."""
    answers = {1: 4, 3: 1} if bench.quick else {1: 20, 10: 4, 100: 1}
    work = Work(bench.scale(300, 10), bench.scale(150, 10), answers)
    async with AsyncExitStack() as stack:
        ollama = await stack.enter_async_context(Remote[int, int](provider.main))
        port = await ollama.ask(0)
        far = await stack.enter_async_context(Far(viewers.main))
        contenders: list[Contender] = [
            Direct("the ollama SDK, directly", far, port, work),
            *await _ours(stack, far, port, work),
            await _relay(stack, far, port, work),
            *await _litellm(stack, far, port, work, bench),
        ]
        await bench.compare("answers", contenders)


async def _ours(stack: AsyncExitStack, far: Far, port: int, work: Work) -> list[Served]:
    home = await stack.enter_async_context(installation(ollama_port=port))
    pids = tuple(home.pids.values())
    alone = replace(work, answers={1: work.answers[1]})
    return [
        Served("BlackRoad", Way.JOINED, far, home.http_port, port, pids, work, PROMISE),
        Served("BlackRoad, OpenAI's words", Way.OURS, far, home.http_port, port, pids, alone),
        Served("BlackRoad, the SDK", Way.SDK, far, home.grpc_port, port, pids, alone, PROMISE),
    ]


async def _relay(stack: AsyncExitStack, far: Far, port: int, work: Work) -> Served:
    server = await stack.enter_async_context(Remote[int, int](partial(relay.main, port)))
    own = await server.ask(0)
    return Served("FastAPI relay", Way.CHAT, far, own, port, (server.pid,), work)


async def _litellm(
    stack: AsyncExitStack, far: Far, port: int, work: Work, bench: Bench
) -> list[Served]:
    try:
        await litellm.ENVIRONMENT.provide(install=not bench.quick)
        server = await stack.enter_async_context(litellm.proxy(port))
    except NotInstalled as reason:
        print(f"answers: without LiteLLM's proxy: {reason}", flush=True)
        return []
    less = replace(work, firsts=work.firsts // 3, tokens=work.tokens // 3)
    way = Way.COMPLETION
    return [Served("LiteLLM's proxy", way, far, server.port, port, (server.pid,), less)]
