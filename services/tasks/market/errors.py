"""Why the market refuses something."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kit.errors import AlreadyExists, Conflict, DomainError, InvalidInput, NotFound, PermissionDenied, WrongState

if TYPE_CHECKING:
    from services.tasks.market.model import Claim, MarketTask


def agent_required() -> PermissionDenied:
    """Only agents act on the market."""
    return PermissionDenied("AGENT_REQUIRED", "Only an agent can do this")


def task_not_found(task_id: int) -> NotFound:
    """There is no such task."""
    return NotFound("TASK_NOT_FOUND", f"Task {task_id} does not exist", metadata={"task_id": str(task_id)})


def category_not_found(category_id: int) -> NotFound:
    """There is no such category."""
    message = f"Category {category_id} does not exist"
    return NotFound("CATEGORY_NOT_FOUND", message, metadata={"category_id": str(category_id)})


def claim_not_found(task_id: int, claim_id: int) -> NotFound:
    """The task has no such claim."""
    message = f"Claim {claim_id} not found on task {task_id}"
    return NotFound("CLAIM_NOT_FOUND", message, metadata={"task_id": str(task_id), "claim_id": str(claim_id)})


def deliverable_not_found(task_id: int, deliverable_id: int) -> NotFound:
    """The task has no such deliverable."""
    metadata = {"task_id": str(task_id), "deliverable_id": str(deliverable_id)}
    return NotFound("DELIVERABLE_NOT_FOUND", f"Deliverable {deliverable_id} not found", metadata=metadata)


def deadline_past() -> InvalidInput:
    """The deadline of a new task has passed."""
    return InvalidInput("DEADLINE_PAST", "Deadline must be in the future")


def llm_provider_missing() -> InvalidInput:
    """A task that is reviewed by itself needs a provider."""
    return InvalidInput("LLM_PROVIDER_MISSING", "poster_llm_provider is required when auto_review_enabled is true")


def llm_key_missing() -> InvalidInput:
    """A task that is reviewed by itself needs a key."""
    return InvalidInput("LLM_KEY_MISSING", "poster_llm_key is required when auto_review_enabled is true")


def insufficient_credits(available: int, required: int) -> WrongState:
    """The poster's balance does not cover what has to be held."""
    return WrongState(
        "INSUFFICIENT_CREDITS",
        f"Insufficient credits. Balance: {available}, required: {required}",
        metadata={"available": str(available), "required": str(required)},
    )


def not_poster(what: str) -> PermissionDenied:
    """Only the poster may do that; `what` ends the sentence, for example `cancel tasks`."""
    return PermissionDenied("NOT_POSTER", f"Only the task poster can {what}")


def not_poster_or_reviewer(what: str) -> PermissionDenied:
    """Only the poster or the reviewer agent may do that."""
    return PermissionDenied("NOT_POSTER_OR_REVIEWER", f"Only the task poster or reviewer agent can {what}")


def not_claimed_by_you(task: MarketTask) -> PermissionDenied:
    """The caller does not have the task."""
    return PermissionDenied("NOT_CLAIMED_BY_YOU", f"Task {task.id} is not claimed by your agent", metadata=_of(task))


def not_claimant() -> PermissionDenied:
    """The claim is another agent's."""
    return PermissionDenied("NOT_CLAIMANT", "You can only withdraw your own claims")


def not_involved(message: str) -> PermissionDenied:
    """The caller is neither the poster nor the worker nor the reviewer."""
    return PermissionDenied("NOT_INVOLVED", message)


def invalid_status(task: MarketTask, message: str) -> WrongState:
    """The task is not in a state that allows it."""
    return WrongState("INVALID_STATUS", message, metadata=_of(task))


def task_not_open(task: MarketTask) -> WrongState:
    """The task takes no claims."""
    message = f"Task {task.id} is not open (current status: {task.status})"
    return WrongState("TASK_NOT_OPEN", message, metadata=_of(task))


def self_claim(task: MarketTask) -> WrongState:
    """The task was posted by the caller's own operator."""
    return WrongState("SELF_CLAIM", f"You cannot claim your own task (task {task.id})", metadata=_of(task))


def credits_out_of_range(task: MarketTask, proposed: int) -> InvalidInput:
    """The price is beyond the budget."""
    return InvalidInput(
        "CREDITS_OUT_OF_RANGE",
        f"proposed_credits ({proposed}) exceeds task budget ({task.budget})",
        metadata=_of(task) | {"proposed": str(proposed), "budget": str(task.budget)},
    )


def duplicate_claim(task_id: int) -> AlreadyExists:
    """The agent has a pending claim on the task."""
    message = f"You already have a pending claim on task {task_id}"
    return AlreadyExists("DUPLICATE_CLAIM", message, metadata={"task_id": str(task_id)})


def claim_not_pending(claim: Claim) -> WrongState:
    """The claim was decided on already."""
    message = f"Claim is already {claim.status}"
    return WrongState("CLAIM_NOT_PENDING", message, metadata=_of_claim(claim))


def claim_not_withdrawable(claim: Claim, task: MarketTask) -> WrongState:
    """The claim was decided on already, or work was delivered under it."""
    message = f"Cannot withdraw claim in '{claim.status}' status"
    metadata = _of_claim(claim) | {"task_status": task.status}
    return WrongState("CLAIM_NOT_WITHDRAWABLE", message, metadata=metadata)


def deliverable_not_pending(deliverable_id: int, status: str) -> WrongState:
    """The deliverable was decided on already."""
    metadata = {"deliverable_id": str(deliverable_id), "status": status}
    return WrongState("DELIVERABLE_NOT_PENDING", f"Deliverable is {status}", metadata=metadata)


def delivery_pending(task: MarketTask) -> WrongState:
    """A deliverable awaits review."""
    message = "A deliverable is already submitted and awaiting review"
    return WrongState("DELIVERY_PENDING", message, metadata=_of(task))


def max_revisions(task: MarketTask, used: int, most: int) -> WrongState:
    """No more deliverables may be handed in."""
    message = f"Maximum revisions reached ({used} of {most} deliveries)"
    return WrongState("MAX_REVISIONS", message, metadata=_of(task) | {"used": str(used), "max": str(most)})


def revisions_exhausted(task: MarketTask, used: int, most: int) -> WrongState:
    """Work cannot be sent back any more."""
    message = f"Max revisions exhausted ({used} of {most} deliveries used)"
    return WrongState("REVISIONS_EXHAUSTED", message, metadata=_of(task) | {"used": str(used), "max": str(most)})


def revisions_left(task: MarketTask, used: int, most: int) -> WrongState:
    """Work can still be sent back, so it cannot be refused for good."""
    message = f"Revisions are left ({used} of {most} deliveries used); request a revision instead"
    return WrongState("REVISIONS_LEFT", message, metadata=_of(task) | {"used": str(used), "max": str(most)})


def busy(task_id: int) -> Conflict:
    """The task changed again and again while this call looked at it."""
    message = f"Task {task_id} is being changed by others"
    return Conflict("TASK_BUSY", message, metadata={"task_id": str(task_id)}, retry_after_seconds=1)


def is_refusal(error: DomainError) -> bool:
    """Tell whether the ledger said that the poster has too little."""
    return error.reason == "INSUFFICIENT_CREDITS"


def _of(task: MarketTask) -> dict[str, str]:
    return {"task_id": str(task.id), "status": task.status}


def _of_claim(claim: Claim) -> dict[str, str]:
    return {"task_id": str(claim.task_id), "claim_id": str(claim.id), "status": claim.status}
