"""Plans, windows of time, and what was counted in them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

HOUR, DAY, WEEK, MONTH = "hour", "day", "week", "month"
# The shortest first.
WINDOWS = (HOUR, DAY, WEEK, MONTH)
HISTORY_DAYS = 30


class Plan(msgspec.Struct, frozen=True):
    """What an operator may use.

    Attributes:
        id: for example `free`.
        name: for example `Free`.
        max_agents: the most agents in one run.
        run_timeout_seconds: the longest a run may take.
        limits: how many runs each window allows; any number in a window that is not named.
    """

    id: str
    name: str
    max_agents: int
    run_timeout_seconds: int
    limits: Mapping[str, int]


class Assignment(msgspec.Struct, frozen=True):
    """The plan of an operator, and what it has instead of the plan's own limits."""

    operator_id: int
    plan_id: str
    limits: dict[str, int] = {}
    max_agents: int | None = None

    def apply_to(self, plan: Plan) -> Plan:
        """Return the plan as this operator has it."""
        agents = plan.max_agents if self.max_agents is None else self.max_agents
        return replace(plan, limits={**plan.limits, **self.limits}, max_agents=agents)


class Count(msgspec.Struct, frozen=True):
    """How many runs were counted in a window that began at a time."""

    start: datetime
    used: int


class Tally(msgspec.Struct, frozen=True):
    """What was counted for an operator.

    Attributes:
        counts: in the last window of each kind.
        total: ever.
        days: on each of the last days on which there was anything, by date (ISO 8601).
    """

    operator_id: int
    counts: dict[str, Count] = {}
    total: int = 0
    days: dict[str, int] = {}

    def moment(self, now: datetime) -> datetime:
        """Return the time to count at: where the clocks of replicas differ, no window begins a second time."""
        return max(now, *(count.start for count in self.counts.values())) if self.counts else now

    def used(self, window: str, now: datetime) -> int:
        """Return how many runs were counted in the window that lasts now."""
        count = self.counts.get(window)
        return count.used if count is not None and count.start == window_start(window, now) else 0

    def history(self, now: datetime) -> list[DayUsage]:
        """Return how many runs were counted on each of the last days, the oldest first and today last."""
        days = [(now - timedelta(days=ago)).date().isoformat() for ago in reversed(range(HISTORY_DAYS))]
        return [DayUsage(day, self.days.get(day, 0)) for day in days]


class DayUsage(msgspec.Struct, frozen=True):
    """How many runs were counted on a day."""

    date: str
    runs: int


class Consumption(msgspec.Struct, frozen=True):
    """Runs that were counted under an id of the caller's."""

    id: str
    operator_id: int
    runs: int
    at: datetime
    returned: bool = False


class WindowUsage(msgspec.Struct, frozen=True):
    """How much of a window is used; the limit is 0 where there is none."""

    window: str
    limit: int
    used: int
    resets_at: datetime


class Usage(msgspec.Struct, frozen=True):
    """How much is used of the windows that a plan limits, and of all."""

    limited: list[WindowUsage]
    counted: list[WindowUsage]


class History(msgspec.Struct, frozen=True):
    """How much was ever used, and on each of the last days."""

    total: int
    days: list[DayUsage]


def window_start(window: str, at: datetime) -> datetime:
    """Return when the window began that a time in UTC lies in. Weeks begin on Monday (ISO 8601)."""
    if window == HOUR:
        return at.replace(minute=0, second=0, microsecond=0)
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    if window == DAY:
        return midnight
    if window == WEEK:
        return midnight - timedelta(days=midnight.weekday())
    return midnight.replace(day=1)


def window_end(window: str, at: datetime) -> datetime:
    """Return when the next window begins."""
    start = window_start(window, at)
    if window == HOUR:
        return start + timedelta(hours=1)
    if window == DAY:
        return start + timedelta(days=1)
    if window == WEEK:
        return start + timedelta(days=7)
    # No month has more than 31 days, and the first week of the next one is in it.
    return (start + timedelta(days=32)).replace(day=1)
