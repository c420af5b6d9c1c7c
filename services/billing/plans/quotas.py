"""Counting itself: applies commands to what they touch. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from services.billing.plans.errors import ConsumptionExists, ConsumptionReturned, QuotaExceeded
from services.billing.plans.model import (
    HISTORY_DAYS,
    WINDOWS,
    Consumption,
    Count,
    Plan,
    Tally,
    Usage,
    WindowUsage,
    window_end,
    window_start,
)


class Consume(msgspec.Struct, frozen=True):
    """Count runs."""

    id: str
    operator_id: int
    runs: int


class Return(msgspec.Struct, frozen=True):
    """Take back what an id counted."""

    id: str


class Quotas:
    """The counts that a batch of commands touches.

    Args:
        plans: the plans of the operators named by commands.
        tallies: what was counted for the operators named by commands or consumptions, as far as anything was.
        consumptions: those named by commands, as far as they exist.
        now: the time.
    """

    def __init__(
        self,
        plans: Mapping[int, Plan],
        tallies: Iterable[Tally],
        consumptions: Iterable[Consumption],
        now: datetime,
    ) -> None:
        self._plans = plans
        self._tallies = {tally.operator_id: tally for tally in tallies}
        self._consumptions = {each.id: each for each in consumptions}
        self._now = now
        self.changed_tallies: dict[int, Tally] = {}
        self.changed_consumptions: dict[str, Consumption] = {}

    def apply(self, command: Consume | Return) -> Usage | bool:
        """Do what `command` asks, or change nothing.

        Returns:
            What is used now; of `Return`, whether it took anything back.

        Raises:
            DomainError: why it is refused.
        """
        return self._consume(command) if isinstance(command, Consume) else self._return(command)

    def _consume(self, command: Consume) -> Usage:
        tally, plan = self._tally(command.operator_id), self._plans[command.operator_id]
        known = self._consumption(command.id)
        if known is not None:
            if (known.operator_id, known.runs) != (command.operator_id, command.runs):
                raise ConsumptionExists(command.id)
            if known.returned:
                raise ConsumptionReturned(command.id)
            return usage_of(tally, plan, self._now)
        self._require_room(tally, plan, command.runs)
        at = tally.moment(self._now)
        tally = self._add(tally, command.runs, at)
        self.changed_consumptions[command.id] = Consumption(command.id, command.operator_id, command.runs, at)
        return usage_of(tally, plan, self._now)

    def _return(self, command: Return) -> bool:
        known = self._consumption(command.id)
        if known is None or known.returned:
            return False
        self._add(self._tally(known.operator_id), -known.runs, known.at)
        self.changed_consumptions[known.id] = replace(known, returned=True)
        return True

    def _require_room(self, tally: Tally, plan: Plan, runs: int) -> None:
        full = [each for each in usage_of(tally, plan, self._now).limited if each.used + runs > each.limit]
        if full:
            # There is room again when the last of them has ended.
            last = max(full, key=lambda each: each.resets_at)
            raise QuotaExceeded(plan.id, last.window, last.limit, last.used, last.resets_at, self._now)

    def _add(self, tally: Tally, runs: int, at: datetime) -> Tally:
        counts, now = dict(tally.counts), tally.moment(self._now)
        for window in WINDOWS:
            start = window_start(window, now)
            if window_start(window, at) == start:
                counts[window] = Count(start, tally.used(window, now) + runs)
        total, days = max(0, tally.total + runs), _days(tally, runs, at, now)
        changed = replace(tally, counts=counts, total=total, days=days)
        self.changed_tallies[tally.operator_id] = changed
        return changed

    def _tally(self, operator_id: int) -> Tally:
        return self.changed_tallies.get(operator_id) or self._tallies.get(operator_id) or Tally(operator_id)

    def _consumption(self, consumption_id: str) -> Consumption | None:
        return self.changed_consumptions.get(consumption_id) or self._consumptions.get(consumption_id)


def _days(tally: Tally, runs: int, at: datetime, now: datetime) -> dict[str, int]:
    """Return what was counted on the last days, with runs that are counted at a time or taken back."""
    oldest = (now - timedelta(days=HISTORY_DAYS - 1)).date().isoformat()
    days = {day: count for day, count in tally.days.items() if day >= oldest}
    day = at.date().isoformat()
    if day >= oldest:
        days[day] = max(0, days.get(day, 0) + runs)
    return days


def usage_of(tally: Tally, plan: Plan, now: datetime) -> Usage:
    """Return how much of a plan is used."""
    now = tally.moment(now)
    counted = [
        WindowUsage(window, plan.limits.get(window, 0), tally.used(window, now), window_end(window, now))
        for window in WINDOWS
    ]
    limited = [each for each in counted if each.window in plan.limits]
    return Usage(limited, [replace(each, limit=0) for each in counted])
