"""What is counted of each rpc, under the names that gRPC dashboards know."""

from bisect import bisect_left
from collections.abc import Callable, Iterable
from itertools import accumulate
from typing import Final

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

BUCKETS_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
LABELS: Final = ("grpc_type", "grpc_service", "grpc_method")


class Counts:
    """The counts of one rpc: plain numbers, since they are raised for every message."""

    __slots__ = ("handled", "labels", "received", "seconds", "sent", "slots", "started")

    def __init__(self, kind: str, service: str, method: str) -> None:
        self.labels = (kind, service, method)
        self.started = 0
        self.received = 0
        self.sent = 0
        self.seconds = 0.0
        self.handled: dict[str, int] = {}
        self.slots = [0] * (len(BUCKETS_SECONDS) + 1)

    def end(self, code: str, seconds: float) -> None:
        """Count the end of a call."""
        self.handled[code] = self.handled.get(code, 0) + 1
        self.seconds += seconds
        self.slots[bisect_left(BUCKETS_SECONDS, seconds)] += 1


class CallCollector(Collector):
    """Shows the counts of all rpcs to Prometheus when it asks."""

    def __init__(self) -> None:
        self._all: list[Counts] = []

    def add(self, counts: Counts) -> Counts:
        """Show these counts too, and return them."""
        self._all.append(counts)
        return counts

    def collect(self) -> Iterable[Metric]:
        """Return the counts as metrics."""
        yield self._total("started", "Calls that came.", lambda counts: counts.started)
        yield self._total("msg_received", "Messages received.", lambda counts: counts.received)
        yield self._total("msg_sent", "Messages sent.", lambda counts: counts.sent)
        yield self._handled()
        yield self._handling()

    def _total(self, name: str, text: str, read: Callable[[Counts], int]) -> Metric:
        metric = CounterMetricFamily(f"grpc_server_{name}", text, labels=LABELS)
        for counts in self._all:
            metric.add_metric(counts.labels, read(counts))
        return metric

    def _handled(self) -> Metric:
        labels = (*LABELS, "grpc_code")
        metric = CounterMetricFamily("grpc_server_handled", "Calls that ended.", labels=labels)
        for counts in self._all:
            for code, number in counts.handled.items():
                metric.add_metric((*counts.labels, code), number)
        return metric

    def _handling(self) -> Metric:
        text = "Seconds from a call's beginning to its end."
        metric = HistogramMetricFamily("grpc_server_handling_seconds", text, labels=LABELS)
        bounds = [*map(str, BUCKETS_SECONDS), "+Inf"]
        for counts in self._all:
            buckets = list(zip(bounds, accumulate(counts.slots), strict=True))
            metric.add_metric(counts.labels, buckets, counts.seconds)
        return metric
