"""What Prometheus reads, under the names that TensorFlow Serving uses where it has one."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import prometheus_client
from prometheus_client.core import GaugeMetricFamily, Metric

PATH = "/monitoring/prometheus/metrics"  # util/prometheus_exporter.cc
CONTENT_TYPE = prometheus_client.CONTENT_TYPE_LATEST

# core/metrics.cc and util.cc of TensorFlow Serving: microseconds, 10 x 1.8^n
_LATENCY_US = [10 * 1.8**n for n in range(33)]
_BATCH_ROWS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024]
_WAIT_S = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10]


class Metrics:
    """Counts what a server does. One per server, so that two in a process stay apart."""

    def __init__(self) -> None:
        registry = prometheus_client.CollectorRegistry()
        self._registry = registry
        self._requests: Counter[tuple[str, str]] = Counter()
        self._latency = prometheus_client.Histogram(
            ":tensorflow:serving:request_latency",
            "Microseconds from a request's arrival to its answer, of those answered.",
            ["model_name", "API", "entrypoint"],
            buckets=_LATENCY_US,
            registry=registry,
        )
        self._batch_rows = prometheus_client.Histogram(
            "bitpipe_batch_rows",
            "Rows of the batches run, without padding.",
            ["model_name"],
            buckets=_BATCH_ROWS,
            registry=registry,
        )
        self._queue_wait = prometheus_client.Histogram(
            "bitpipe_queue_wait_seconds",
            "How long the first request of each batch waited.",
            ["model_name"],
            buckets=_WAIT_S,
            registry=registry,
        )
        registry.register(_RequestCount(self._requests))

    def watch(
        self,
        loaded: Callable[[], Iterable[tuple[str, int]]],
        queued: Callable[[], Iterable[tuple[str, int]]],
    ) -> None:
        """Reads gauges whenever they are asked for.

        Args:
            loaded: (model, version) of those in service.
            queued: (model, rows) that wait.
        """
        self._registry.register(_Gauges(loaded, queued))

    def answered(self, model: str, api: str, entrypoint: str, seconds: float) -> None:
        """A request was answered; `api` is Predict or another method, `entrypoint` GRPC or REST."""
        self._requests[model, "OK"] += 1
        self._latency.labels(model, api, entrypoint).observe(seconds * 1e6)

    def refused(self, model: str, status: str) -> None:
        """A request ended with the status of this name."""
        self._requests[model, status] += 1

    def batched(self, model: str, rows: int, waited_s: float) -> None:
        """Counts a batch of `rows`, the first of which waited for `waited_s`."""
        self._batch_rows.labels(model).observe(rows)
        self._queue_wait.labels(model).observe(waited_s)

    def page(self) -> bytes:
        """All of it in Prometheus' text format."""
        page = prometheus_client.generate_latest(self._registry)
        return page.replace(b"request_count untyped", b"request_count counter")


class _RequestCount:
    """Told as untyped.

    To a counter the library would append `_total`, which dashboards of TensorFlow Serving do not
    expect.
    """

    def __init__(self, requests: Counter[tuple[str, str]]) -> None:
        self._requests = requests

    def collect(self) -> Iterator[Metric]:
        name = ":tensorflow:serving:request_count"
        metric = Metric(name, "Requests, by model and status.", "unknown")
        for (model, status), count in sorted(self._requests.items()):
            metric.add_sample(name, {"model_name": model, "status": status}, count)
        yield metric


class _Gauges:
    def __init__(
        self,
        loaded: Callable[[], Iterable[tuple[str, int]]],
        queued: Callable[[], Iterable[tuple[str, int]]],
    ) -> None:
        self._loaded = loaded
        self._queued = queued

    def collect(self) -> Iterator[Metric]:
        versions = GaugeMetricFamily(
            "bitpipe_model_loaded", "Versions in service.", labels=["model_name", "version"]
        )
        for model, version in self._loaded():
            versions.add_metric([model, str(version)], 1)
        yield versions
        rows = GaugeMetricFamily("bitpipe_queue_rows", "Rows that wait.", labels=["model_name"])
        for model, count in self._queued():
            rows.add_metric([model], count)
        yield rows
