"""What operators see of the ledger: what moves, what is refused, and whether the books are right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prometheus_client import Counter, Gauge, Histogram

from kit.errors import DomainError
from services.billing.ledger import commands as do

if TYPE_CHECKING:
    from kit.metrics import Registry
    from services.billing.ledger.journal import Journal, Outcome
    from services.billing.ledger.report import Report, Signs

_INVARIANTS = ("balances_sum", "below_zero", "holds")


class LedgerMetrics:
    """Counts commands as they are written; the loop that checks the books tells the rest.

    Args:
        registry: where the metrics are shown.
        journal: tells what is written.
    """

    def __init__(self, registry: Registry, journal: Journal) -> None:
        outcome = ["command", "outcome"]
        self._commands = Counter("piecework_ledger_commands", "Commands to the ledger.", outcome, registry=registry)
        self._batches = Histogram(
            "piecework_ledger_batch_size",
            "Commands written in one transaction.",
            buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
            registry=registry,
        )
        self._retries = Counter(
            "piecework_ledger_retries", "Batches decided again because another replica was first.", registry=registry
        )
        self._violations = Gauge(
            "piecework_ledger_invariant_violated",
            "1 for an invariant of the books that does not hold.",
            ["invariant"],
            registry=registry,
        )
        self._postings = Gauge("piecework_ledger_postings_sum", "Sum of all postings; must be 0.", registry=registry)
        self._problems = Gauge("piecework_ledger_problems", "What the last reading found wrong.", registry=registry)
        self._held = Gauge("piecework_ledger_held_credits", "Credits that are set aside.", registry=registry)
        self._pending = Gauge("piecework_ledger_pending_holds", "Holds that are pending.", registry=registry)
        self._fees = Gauge("piecework_ledger_fees_credits", "What the platform has earned.", registry=registry)
        journal.on_batch(self._count)
        journal.on_retry(self._retries.inc)

    def show_signs(self, signs: Signs) -> None:
        """Show what the quick check found."""
        for invariant in _INVARIANTS:
            self._violations.labels(invariant).set(invariant in signs.broken)
        self._held.set(signs.held)
        self._pending.set(signs.pending_holds)
        self._fees.set(signs.fees)

    def show_report(self, report: Report) -> None:
        """Show what the journal says."""
        self._violations.labels("journal").set(not report.ok)
        self._postings.set(report.postings_sum)
        self._problems.set(len(report.problems))

    def _count(self, commands: Sequence[do.Command], outcomes: Sequence[Outcome]) -> None:
        self._batches.observe(len(commands))
        for command, outcome in zip(commands, outcomes, strict=True):
            result = outcome.reason.lower() if isinstance(outcome, DomainError) else "done"
            self._commands.labels(type(command).__name__, result).inc()
