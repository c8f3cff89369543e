"""What a core says of itself to Prometheus, beside the counts of its calls."""

from collections.abc import Callable, Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from blackroad.realtime.v1 import admin_pb2


class NodeCollector(Collector):
    """Reads what the node knows anyway, when it is asked."""

    def __init__(
        self,
        node: Callable[[], admin_pb2.NodeInfo],
        others: Callable[[], int],
        queued_bytes: Callable[[], int],
    ) -> None:
        self._node = node
        self._others = others
        self._queued_bytes = queued_bytes

    def describe(self) -> Iterable[Metric]:
        """Return nothing: a node that waits for its engine has nothing to tell."""
        return ()

    def collect(self) -> Iterable[Metric]:
        """Return the figures as they stand."""
        node = self._node()
        yield _gauge("sessions", "Sessions of this core, its edges' included", node.sessions)
        yield _gauge("edges", "Edges that are connected", node.edges)
        yield _gauge("workers", "Connections of agents that serve", node.workers)
        yield _gauge(
            "nodes", "Cores of the fleet that this one knows, and itself", 1 + self._others()
        )
        yield _gauge("engine_healthy", "Whether the log's engine answers", int(node.engine_healthy))
        yield _gauge("draining", "Whether it is shutting down", int(node.draining))
        yield _gauge("queued_bytes", "Bytes that wait for readers", self._queued_bytes())


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"blackroad_core_{name}", text, value=value)
