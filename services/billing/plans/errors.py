"""Why a plan does not allow something."""

from __future__ import annotations

from datetime import datetime

from kit.errors import AlreadyExists, Exhausted, FieldViolation, InvalidInput, NotFound, PermissionDenied, WrongState


class PlanNotFound(NotFound):
    """There is no such plan."""

    def __init__(self, plan_id: str, known: list[str]) -> None:
        super().__init__(
            "PLAN_NOT_FOUND", f"There is no plan {plan_id}; there are {', '.join(known)}", metadata={"plan_id": plan_id}
        )


class QuotaExceeded(Exhausted):
    """A window of the plan is full."""

    def __init__(self, plan_id: str, window: str, limit: int, used: int, resets_at: datetime, now: datetime) -> None:
        super().__init__(
            "QUOTA_EXCEEDED",
            f"The plan allows {limit} runs per {window}",
            metadata={
                "plan": plan_id,
                "window": window,
                "limit": str(limit),
                "used": str(used),
                "resets_at": str(int(resets_at.timestamp())),
            },
            retry_after_seconds=(resets_at - now).total_seconds(),
        )


class ConsumptionExists(AlreadyExists):
    """The id counted something else."""

    def __init__(self, consumption_id: str) -> None:
        super().__init__("CONSUMPTION_EXISTS", f"{consumption_id} has counted something else already")


class ConsumptionReturned(WrongState):
    """What the id counted was taken back."""

    def __init__(self, consumption_id: str) -> None:
        super().__init__("CONSUMPTION_RETURNED", f"What {consumption_id} counted was taken back")


class ServicesOnly(PermissionDenied):
    """The method serves our own processes alone."""

    def __init__(self) -> None:
        super().__init__("SERVICES_ONLY", "Only services may call this")


class OperatorNeeded(InvalidInput):
    """The caller acts for no operator, and names none."""

    def __init__(self) -> None:
        violation = FieldViolation("operator_id", "must be an operator", "int64.gte")
        super().__init__("VALIDATION_FAILED", "operator_id must be an operator", violations=(violation,))
