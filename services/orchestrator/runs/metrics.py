"""What operators see of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge

from services.orchestrator.runs.model import ACTIVE

if TYPE_CHECKING:
    from kit.metrics import Registry
    from services.orchestrator.runs.model import Run, RunEvent
    from services.orchestrator.runs.store.runs import RunStore


class RunMetrics:
    """Counts what happens here, and looks up what waits when Prometheus asks.

    Args:
        registry: where the metrics are shown.
        store: counts runs.
    """

    def __init__(self, registry: Registry, store: RunStore) -> None:
        self._store = store
        self._active = Gauge("piecework_runs_active", "Runs under way, by status.", ["status"], registry=registry)
        self._steps = Gauge(
            "piecework_run_steps", "Steps of runs that wait for a worker, or have one.", ["state"], registry=registry
        )
        self._ended = Counter(
            "piecework_runs_ended", "Runs that this process saw the end of, by status.", ["status"], registry=registry
        )
        self._tokens = Counter(
            "piecework_run_tokens", "Tokens of runs that this process saw the end of.", ["direction"], registry=registry
        )
        self._credits = Counter(
            "piecework_run_credits", "Credits spent by runs that this process saw the end of.", registry=registry
        )
        registry.before_scrape(self.sample)

    def note(self, run: Run, event: RunEvent | None) -> None:
        """Count the end of a run."""
        if event is None or not run.is_over or event.type != f"run.{run.status}":
            return
        self._ended.labels(run.status).inc()
        self._tokens.labels("in").inc(sum(step.tokens_in for step in run.steps))
        self._tokens.labels("out").inc(sum(step.tokens_out for step in run.steps))
        self._credits.inc(run.spent)

    async def sample(self) -> None:
        """Look once."""
        counts = await self._store.counts()
        for status in ACTIVE:
            self._active.labels(status).set(counts.get(status, 0))
        for state in ("waiting", "running"):
            self._steps.labels(state).set(counts.get(state, 0))
