"""Counts the calls of models, and traces them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from opentelemetry.trace import Status, StatusCode, Tracer
from prometheus_client import Counter, Histogram

from kit.errors import DomainError
from kit.metrics import BoundedLabel, Registry
from services.orchestrator.models.model import Completion, ModelSpec

_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_ABANDONED = "abandoned"


class ModelWatch:
    """Follows calls. Neither metrics nor traces hold what was said.

    Args:
        registry: the metrics of the process.
        tracer: makes spans.
    """

    def __init__(self, registry: Registry, tracer: Tracer) -> None:
        self._tracer = tracer
        self._label = BoundedLabel()
        self._calls = Counter(
            "piecework_model_calls", "Calls of models, by how they ended.", ["model", "outcome"], registry=registry
        )
        self._seconds = Histogram(
            "piecework_model_call_seconds",
            "How long calls of models took, with waiting and calling again.",
            ["model"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._tokens = Counter(
            "piecework_model_tokens", "Tokens that models read and wrote.", ["model", "direction"], registry=registry
        )

    @asynccontextmanager
    async def call(self, spec: ModelSpec) -> AsyncIterator[Callable[[Completion], None]]:
        """Follow a call: what it gives is called with the answer."""
        model, began, outcome = self._label(spec.id), time.perf_counter(), _ABANDONED
        attributes = {"gen_ai.request.model": spec.id, "gen_ai.operation.name": "chat"}
        with self._tracer.start_as_current_span(
            f"chat {spec.id}", attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:

            def finish(completion: Completion) -> None:
                nonlocal outcome
                outcome = "answered"
                span.set_attribute("gen_ai.usage.input_tokens", completion.tokens_in)
                span.set_attribute("gen_ai.usage.output_tokens", completion.tokens_out)
                self._tokens.labels(model, "in").inc(completion.tokens_in)
                self._tokens.labels(model, "out").inc(completion.tokens_out)

            try:
                yield finish
            except DomainError as error:
                outcome = error.reason
                span.set_status(Status(StatusCode.ERROR, error.reason))
                raise
            finally:
                self._calls.labels(model, outcome).inc()
                self._seconds.labels(model).observe(time.perf_counter() - began)
