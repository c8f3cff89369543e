"""Probes and metrics: is it alive, can it serve, what has it done."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import grpc
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from grpc_health.v1 import health_pb2
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from blackroad.edge.context import Context, context_of
from blackroad.edge.errors import Refusal
from blackroad.edge.frames import words
from blackroad.edge.problems import problem
from blackroad.edge.rest.call import unless_closed
from blackroad.edge.rest.documents import reply

router = APIRouter(tags=["probes"])
HEALTH_SECONDS: Final = 2.0
Metric = CounterMetricFamily | GaugeMetricFamily


@router.get("/healthz", summary="Is the process alive")
async def healthz() -> Response:
    """Say that the process serves."""
    return reply({"status": "ok"})


@router.get("/readyz", summary="Can it serve")
async def readyz(request: Request) -> Response:
    """Say 200 when a core is connected and serves, and this edge does not drain."""
    context = context_of(request)
    if context.draining:
        return problem(Refusal("draining"))
    if not await _core_serves(context):
        return problem(Refusal("unavailable", "there is no core that serves"))
    return reply({"status": "ready", "node": context.trunk.welcome.node})


async def _core_serves(context: Context) -> bool:
    if not context.trunk.up:
        return False
    link = await context.trunk.link()
    check: grpc.aio.UnaryUnaryMultiCallable[
        health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
    ] = link.channel.unary_unary(
        "/grpc.health.v1.Health/Check",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        async with unless_closed():
            answer = await check(health_pb2.HealthCheckRequest(), timeout=HEALTH_SECONDS)
    except (grpc.aio.AioRpcError, Refusal):
        return False
    return answer.status == health_pb2.HealthCheckResponse.SERVING


@router.get("/metrics", response_class=PlainTextResponse, summary="Metrics for Prometheus")
async def metrics(request: Request) -> Response:
    """Return the edge's counters, and the process's, in Prometheus's text format."""
    registry = CollectorRegistry()
    for collector in (EdgeCollector(context_of(request)), PROCESS_COLLECTOR):
        registry.register(collector)
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class EdgeCollector(Collector):
    """Reads what the parts of the edge count anyway."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as they stand."""
        trunk = self._context.trunk
        doors = Counter(session.opening.door for session in trunk.sessions.values())
        sessions = GaugeMetricFamily("blackroad_edge_sessions", "Sessions", labels=["door"])
        for door, word in words.DOORS.items():
            sessions.add_metric([word], doors.get(door, 0))
        yield sessions
        yield _gauge("connections", "Open sockets and streams", len(self._context.transport))
        yield _gauge("trunk_up", "Whether a core is connected", int(trunk.up))
        yield _gauge("requests_open", "Requests that wait for the core", trunk.open_requests)
        yield _counter("trunk_connects", "Links to a core so far", trunk.restarts)
        yield _counter("live_events", "Live events handed on", trunk.live_events)
        yield _counter("catch_up_events", "Missed events handed on", trunk.catch_up_events)
        yield _counter("trunk_lagged", "Times the trunk's queue was dropped", trunk.lagged)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"blackroad_edge_{name}", text, value=value)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"blackroad_edge_{name}", text, value=value)
