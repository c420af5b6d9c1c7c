"""What operators see of webhooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from services.agents.webhooks.model import DEAD, DELIVERED

if TYPE_CHECKING:
    from kit.clock import Clock
    from kit.metrics import Registry
    from services.agents.webhooks.model import Attempt, Step
    from services.agents.webhooks.store.deliveries import DeliveryStore
    from services.agents.webhooks.store.endpoints import EndpointStore


class WebhookMetrics:
    """Counts attempts as they end and looks up what waits when Prometheus asks.

    Args:
        registry: where the metrics are shown.
        deliveries: tells what waits, in all replicas together.
        endpoints: tells since when.
        clock: the time.
    """

    def __init__(self, registry: Registry, deliveries: DeliveryStore, endpoints: EndpointStore, clock: Clock) -> None:
        self._deliveries = deliveries
        self._endpoints = endpoints
        self._clock = clock
        self._attempts = Counter(
            "piecework_webhook_deliveries",
            "Attempts to deliver, by what became of the delivery: delivered, retry or dead.",
            ["outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "piecework_webhook_attempt_seconds",
            "How long attempts took.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self._disabled = Counter(
            "piecework_webhook_disabled", "Webhooks that were switched off because they fail.", registry=registry
        )
        self._waiting = Gauge("piecework_webhook_waiting", "Deliveries that wait for an attempt.", registry=registry)
        self._oldest = Gauge(
            "piecework_webhook_oldest_waiting_seconds",
            "How long the attempt that is due longest has waited to be made.",
            registry=registry,
        )
        registry.before_scrape(self._sample)

    def attempted(self, attempt: Attempt, step: Step) -> None:
        """Count an attempt."""
        outcome = step.state if step.state in (DELIVERED, DEAD) else "retry"
        self._attempts.labels(outcome).inc()
        self._seconds.observe(attempt.duration_ms / 1000)

    def disabled(self) -> None:
        """Count a webhook that was switched off."""
        self._disabled.inc()

    async def _sample(self) -> None:
        self._waiting.set(await self._deliveries.waiting())
        now = self._clock.now()
        # Not the age of what waits: a receiver that has failed for hours is not late, a sender that does not come is.
        due_at = await self._endpoints.longest_due(now)
        self._oldest.set((now - due_at).total_seconds() if due_at is not None else 0.0)
