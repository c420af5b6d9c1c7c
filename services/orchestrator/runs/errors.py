"""Why runs refuse something."""

from __future__ import annotations

from kit.errors import Conflict, Exhausted, InvalidInput, NotFound, PermissionDenied, WrongState


def run_not_found(run_id: str) -> NotFound:
    """There is no such run, or it belongs to somebody else."""
    return NotFound("RUN_NOT_FOUND", f"Run {run_id} was not found", metadata={"run_id": run_id})


def not_awaiting_approval(run_id: str) -> WrongState:
    """No step of the run asks anything."""
    return WrongState("NOT_AWAITING_APPROVAL", "The run is not awaiting approval", metadata={"run_id": run_id})


def not_active(run_id: str) -> WrongState:
    """The run is over."""
    return WrongState("NOT_ACTIVE", "The run is over", metadata={"run_id": run_id})


def too_many_inputs(run_id: str, limit: int) -> WrongState:
    """As much was said to the run as it takes."""
    facts = {"run_id": run_id, "limit": str(limit)}
    return WrongState("TOO_MANY_INPUTS", f"A run takes {limit} inputs while it is under way", metadata=facts)


def model_not_in_plan(model_id: str) -> PermissionDenied:
    """The model needs a plan that is paid for."""
    message = f'model "{model_id}" requires a Pro or Super subscription'
    return PermissionDenied("MODEL_NOT_IN_PLAN", message, metadata={"model": model_id})


def attachments_not_found() -> InvalidInput:
    """None of the attachments is there, or they waited for too long."""
    return InvalidInput("ATTACHMENTS_NOT_FOUND", "None of the provided attachments could be resolved")


def model_unknown(model_id: str) -> InvalidInput:
    """There is no such model."""
    return InvalidInput("MODEL_UNKNOWN", f'There is no model "{model_id}"', metadata={"model": model_id})


def role_unknown(role: str) -> InvalidInput:
    """There is no such role."""
    return InvalidInput("VALIDATION_FAILED", f'role_models: there is no role "{role}"')


def options_invalid(why: str) -> InvalidInput:
    """The options are not a JSON object."""
    return InvalidInput("VALIDATION_FAILED", f"options_json: {why}")


def insufficient_credits(available: int, required: int) -> WrongState:
    """The account has less than the run needs."""
    return WrongState(
        "INSUFFICIENT_CREDITS",
        f"The run needs {required} credits, {available} are available",
        metadata={"available": str(available), "required": str(required)},
    )


def thread_busy(run_id: str) -> WrongState:
    """Another run is under way in the thread."""
    return WrongState("THREAD_BUSY", "Another run is under way in this thread", metadata={"run_id": run_id})


def busy(run_id: str) -> Conflict:
    """Others changed the run again and again."""
    return Conflict("RUN_BUSY", "The run is being changed by many at once; try again", metadata={"run_id": run_id})


def budget_spent(limit: int) -> Exhausted:
    """The budget has no room for a call."""
    return Exhausted("BUDGET_SPENT", f"The budget of {limit} credits is spent")
