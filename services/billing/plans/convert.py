"""Plans and usage as messages."""

from __future__ import annotations

from collections.abc import Sequence

from piecework.billing.v1 import plans_pb2 as pb

from kit.timestamps import to_timestamp
from services.billing.plans.model import DAY, HOUR, MONTH, WEEK, WINDOWS, Assignment, DayUsage, Plan, WindowUsage
from services.billing.plans.quotas import Consume

_WINDOWS = {
    HOUR: pb.QUOTA_WINDOW_HOUR,
    DAY: pb.QUOTA_WINDOW_DAY,
    WEEK: pb.QUOTA_WINDOW_WEEK,
    MONTH: pb.QUOTA_WINDOW_MONTH,
}
_NAMES = {number: window for window, number in _WINDOWS.items()}


def from_set_plan(request: pb.SetPlanRequest) -> Assignment:
    """Return which plan an operator is to have."""
    return Assignment(
        operator_id=request.operator_id,
        plan_id=request.plan_id,
        limits={_NAMES[limit.window]: limit.runs for limit in request.limits},
        max_agents=request.max_agents if request.HasField("max_agents") else None,
    )


def from_consume(request: pb.ConsumeQuotaRequest) -> Consume:
    """Return the command that counts runs."""
    return Consume(id=request.id, operator_id=request.operator_id, runs=request.runs or 1)


def plan_to_proto(plan: Plan) -> pb.Plan:
    """Return the message of a plan."""
    limits = [(window, plan.limits[window]) for window in WINDOWS if window in plan.limits]
    return pb.Plan(
        id=plan.id,
        name=plan.name,
        limits=[pb.QuotaLimit(window=_WINDOWS[window], runs=runs) for window, runs in limits],
        max_agents=plan.max_agents,
        run_timeout_seconds=plan.run_timeout_seconds,
    )


def days_to_proto(days: Sequence[DayUsage]) -> list[pb.DayUsage]:
    """Return the messages of days."""
    return [pb.DayUsage(date=each.date, runs=each.runs) for each in days]


def usage_to_proto(usage: Sequence[WindowUsage]) -> list[pb.QuotaUsage]:
    """Return the messages of windows."""
    return [
        pb.QuotaUsage(
            window=_WINDOWS[each.window], limit=each.limit, used=each.used, resets_at=to_timestamp(each.resets_at)
        )
        for each in usage
    ]
