"""One log line and the three numbers that matter (rate, errors, duration) for each call."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from contextlib import aclosing
from typing import Any

import grpc
import structlog
from prometheus_client import REGISTRY, CollectorRegistry, Gauge, Histogram
from prometheus_client import Counter as Series

from kit.interceptors.caller import current_caller
from kit.interceptors.methods import Behaviour, MethodInterceptor
from kit.metrics import DURATION_BUCKETS

_log = structlog.get_logger(__name__)


class RpcMetrics:
    """The Prometheus series of the calls of one process. Only methods that exist become labels.

    Args:
        registry: where the series are registered; one `RpcMetrics` for each registry.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self.calls = Series("piecework_rpc_calls", "Calls that have ended.", ("method", "code"), registry=registry)
        # Not by code: how long each refusal takes tells little, and would cost as many series again for each code.
        self.duration = Histogram(
            "piecework_rpc_duration_seconds",
            "Time from the start of a call to its end.",
            ("method",),
            buckets=DURATION_BUCKETS,
            registry=registry,
        )
        self.running: Counter[str] = Counter()
        self._in_flight = Gauge(
            "piecework_rpc_in_flight", "Calls that have begun and not ended.", ("method",), registry=registry
        )

    def watch(self, method: str) -> None:
        """Show how many calls of `method` are under way; counting costs less than a gauge that is told each time."""
        self._in_flight.labels(method).set_function(lambda: self.running[method])


class AccessInterceptor(MethodInterceptor):
    """Logs and counts calls.

    Args:
        metrics: the series to feed.
        log_successes: whether a call that went well gets its line too, or only the others.
    """

    def __init__(self, metrics: RpcMetrics, *, log_successes: bool = True) -> None:
        super().__init__()
        self._metrics = metrics
        self._log_successes = log_successes

    def around_call(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Return `behaviour` with its calls logged and counted."""
        record = _Recorder(method, self._metrics, log_successes=self._log_successes)

        async def recorded(request: Any, context: Any) -> Any:
            started = record.begin()
            try:
                response = await behaviour(request, context)
            except BaseException as error:
                record.end(started, context, error)
                raise
            record.end(started, context, None)
            return response

        return recorded

    def around_stream(self, method: str, behaviour: Behaviour, *, streams_requests: bool) -> Behaviour:  # noqa: ARG002
        """Return `behaviour` with its calls logged and counted."""
        record = _Recorder(method, self._metrics, log_successes=self._log_successes)

        async def recorded(request: Any, context: Any) -> Any:
            started = record.begin()
            try:
                async with aclosing(behaviour(request, context)) as responses:
                    async for response in responses:
                        yield response
            except BaseException as error:
                record.end(started, context, error)
                raise
            record.end(started, context, None)

        return recorded


class _Recorder:
    def __init__(self, method: str, metrics: RpcMetrics, *, log_successes: bool) -> None:
        self._method = method
        self._metrics = metrics
        self._log_successes = log_successes
        metrics.watch(method)
        self._duration = metrics.duration.labels(method)
        self._calls: dict[str, Series] = {}

    def begin(self) -> float:
        self._metrics.running[self._method] += 1
        return time.perf_counter()

    def end(self, started: float, context: Any, error: BaseException | None) -> None:
        seconds = time.perf_counter() - started
        code = _code(context, error, seconds)
        self._metrics.running[self._method] -= 1
        calls = self._calls.get(code)
        if calls is None:
            calls = self._calls[code] = self._metrics.calls.labels(self._method, code)
        calls.inc()
        self._duration.observe(seconds)
        if code != "OK" or self._log_successes:
            caller = current_caller()
            _log.info(
                "rpc",
                method=self._method,
                code=code,
                duration_ms=round(seconds * 1000, 2),
                caller=caller.kind,
                operator_id=caller.operator_id,
            )


def _code(context: Any, error: BaseException | None, seconds: float) -> str:
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return "DEADLINE_EXCEEDED" if _is_out_of_time(context.time_remaining(), seconds) else "CANCELLED"
    code = context.code()
    if code is None:
        return "OK" if error is None else "UNKNOWN"
    return code.name if isinstance(code, grpc.StatusCode) else str(code)


def _is_out_of_time(remaining: float | None, seconds: float) -> bool:
    # gRPC sends a deadline rounded up by as much as a hundredth, so the client's clock ends the call a little earlier.
    return remaining is not None and remaining <= 0.02 * (remaining + seconds) + 0.01
