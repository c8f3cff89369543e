"""Every case by its name: to add one, write its file here and its line below."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from benchmarks.cases import (
    answers,
    calls,
    fanout,
    first_token,
    fleet,
    idle,
    latency,
    log,
    nodes,
    partitions,
    presence,
    size,
)
from benchmarks.harness.measure import Bench


@dataclass(frozen=True, slots=True)
class Case:
    """What a case measures in a line, and the function that does; it raises `WrongCount`."""

    summary: str
    measure: Callable[[Bench], Awaitable[None]]


CASES: Final[Mapping[str, Case]] = {
    "latency": Case("an agent's publish to a WebSocket and to SSE", latency.measure),
    "presence": Case("an agent's change of presence to a WebSocket", presence.measure),
    "first_token": Case("what is added to an agent's first token", first_token.measure),
    "answers": Case("a model's answer, beside a relay and LiteLLM's proxy", answers.measure),
    "fanout": Case("deliveries per CPU second, beside peers", fanout.measure),
    "calls": Case("agent request and reply, 64 in flight and one at a time", calls.measure),
    "idle": Case("KiB for each idle client, and connects per CPU second", idle.measure),
    "size": Case("what a core and an edge take when they have started", size.measure),
    "nodes": Case("from one core to another, beside Redis itself", nodes.measure),
    "partitions": Case("events through one core with 1, 4 and 16 partitions", partitions.measure),
    "fleet": Case("events through 1, 2 and 4 cores that all read them", fleet.measure),
    "log": Case("what the memory log takes for an event", log.measure),
}
