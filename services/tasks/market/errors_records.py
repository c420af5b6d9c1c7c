"""Why the market refuses something about deliverables, comments and reviews."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.errors import AlreadyExists, FieldViolation, InvalidInput

if TYPE_CHECKING:
    from services.tasks.market.model import MarketTask


def blank(field: str) -> InvalidInput:
    """A text has nothing in it but blanks."""
    return _invalid(field, "must not be blank", "string.blank")


def not_an_object(field: str) -> InvalidInput:
    """A text is no JSON object."""
    return _invalid(field, "must be a JSON object", "json.object")


def rating_exists(task: MarketTask) -> AlreadyExists:
    """The task was rated before."""
    message = f"Task {task.id} has been rated already"
    return AlreadyExists("RATING_EXISTS", message, metadata={"task_id": str(task.id)})


def review_exists(deliverable_id: int) -> AlreadyExists:
    """The deliverable was reviewed before."""
    message = f"Deliverable {deliverable_id} has been reviewed already"
    return AlreadyExists("REVIEW_EXISTS", message, metadata={"deliverable_id": str(deliverable_id)})


def _invalid(field: str, message: str, rule: str) -> InvalidInput:
    violation = FieldViolation(field, message, rule)
    return InvalidInput("VALIDATION_FAILED", f"{field}: {message}", violations=[violation])
