"""One log line and the three numbers that matter (rate, errors, duration) for each HTTP request."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gateway.access_log import AccessLog
from gateway.exchange import Exchange
from kit.metrics import DURATION_BUCKETS

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CLIENT_GONE = 499


class HttpMetrics:
    """The Prometheus series of the requests of one process. Labels are route templates: their number is bounded.

    Args:
        registry: where the series are registered.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        labels = ("method", "route", "status")
        self._requests = Counter(
            "piecework_http_requests", "Requests that have been answered.", labels, registry=registry
        )
        self._seconds = Histogram(
            "piecework_http_request_duration_seconds",
            "Time from the first line of a request to the end of its answer; of an event stream, to its beginning.",
            ("method", "route"),
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.in_flight = 0
        gauge = Gauge("piecework_http_in_flight", "Requests being answered.", registry=registry)
        gauge.set_function(lambda: self.in_flight)
        self.total = 0
        self.failed = 0
        self.seconds = 0.0
        self._series = lru_cache(maxsize=4096)(self._look_up)

    def record(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        requests, durations = self._series(method, route, status)
        requests.inc()
        durations.observe(seconds)
        self.total += 1
        self.failed += status >= 400
        self.seconds += seconds

    def _look_up(self, method: str, route: str, status: int) -> tuple[Any, Any]:
        shown = method if method in _METHODS else "other"
        return self._requests.labels(shown, route, str(status)), self._seconds.labels(shown, route)


class Observer:
    """Logs and counts requests when they have been answered.

    Args:
        metrics: the series to feed.
    """

    def __init__(self, metrics: HttpMetrics) -> None:
        self._metrics = metrics
        self._log = AccessLog()

    def begin(self) -> None:
        """Note that a request has come."""
        self._metrics.in_flight += 1

    def end(self, exchange: Exchange, method: str, status: int) -> None:
        """Note that a request has been answered, or that its client has gone (499)."""
        ended = time.perf_counter()
        # How long the clients of streams stay says nothing about how fast they are answered.
        answered = exchange.streaming_since or ended
        self._metrics.in_flight -= 1
        self._metrics.record(method, exchange.route, status, answered - exchange.started)
        self._log.add(exchange, method, status, ended - exchange.started)

    def close(self) -> None:
        """Write the last lines."""
        self._log.flush()
