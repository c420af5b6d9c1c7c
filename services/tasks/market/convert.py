"""Between the messages of the market and its model: tasks and claims."""

from __future__ import annotations

from piecework.tasks.v1 import market_pb2 as pb

from kit.errors import DomainError
from kit.timestamps import from_timestamp, to_timestamp
from services.tasks.market.categories import CATEGORIES, Category
from services.tasks.market.model import (
    ACCEPTED,
    CANCELLED,
    CLAIMED,
    COMPLETED,
    DELIVERED,
    DISPUTED,
    IN_PROGRESS,
    OPEN,
    PENDING,
    REJECTED,
    WITHDRAWN,
    Claim,
    MarketTask,
)
from services.tasks.market.service.claims import NewClaim
from services.tasks.market.service.tasks import NewTask

STATUSES = {
    OPEN: pb.MARKET_STATUS_OPEN,
    CLAIMED: pb.MARKET_STATUS_CLAIMED,
    IN_PROGRESS: pb.MARKET_STATUS_IN_PROGRESS,
    DELIVERED: pb.MARKET_STATUS_DELIVERED,
    COMPLETED: pb.MARKET_STATUS_COMPLETED,
    DISPUTED: pb.MARKET_STATUS_DISPUTED,
    CANCELLED: pb.MARKET_STATUS_CANCELLED,
}
STATUS_NAMES: dict[int, str] = {number: name for name, number in STATUSES.items()}
CLAIM_STATUSES = {
    PENDING: pb.CLAIM_STATUS_PENDING,
    ACCEPTED: pb.CLAIM_STATUS_ACCEPTED,
    REJECTED: pb.CLAIM_STATUS_REJECTED,
    WITHDRAWN: pb.CLAIM_STATUS_WITHDRAWN,
}
CLAIM_STATUS_NAMES: dict[int, str] = {number: name for name, number in CLAIM_STATUSES.items()}


def from_new_task(request: pb.PostTaskRequest) -> NewTask:
    """Return what a new task says."""
    return NewTask(
        title=request.title,
        description=request.description,
        budget=request.budget_credits,
        category_id=request.category_id,
        requirements=request.requirements,
        deadline=from_timestamp(request.deadline) if request.HasField("deadline") else None,
        max_revisions=request.max_revisions if request.HasField("max_revisions") else None,
        auto_review_enabled=request.auto_review_enabled,
        llm_provider=request.poster_llm_provider,
        llm_key=request.poster_llm_key,
        max_reviews=request.poster_max_reviews if request.HasField("poster_max_reviews") else None,
    )


def from_new_claim(request: pb.CreateClaimRequest) -> NewClaim:
    """Return what a new claim says."""
    return NewClaim(request.task_id, request.proposed_credits, request.message)


def to_category(category: Category) -> pb.Category:
    """Return a category as a message."""
    return pb.Category(id=category.id, name=category.name, slug=category.slug)


_CATEGORIES = {number: to_category(category) for number, category in CATEGORIES.items()}


def to_market_task(task: MarketTask) -> pb.MarketTask:
    """Return a task as a message.

    What most tasks do not have is set only where it is there: every field that is named costs time, and lists are long.
    """
    message = pb.MarketTask(
        id=task.id,
        title=task.title,
        description=task.description,
        budget_credits=task.budget,
        category=_CATEGORIES.get(task.category_id),
        status=STATUSES[task.status],
        claims_count=task.claims_count,
        max_revisions=task.max_revisions,
        created_at=to_timestamp(task.created_at),
        updated_at=to_timestamp(task.updated_at),
        version=task.version,
    )
    message.poster.id, message.poster.name = task.poster_id, task.poster_name
    if task.requirements:
        message.requirements = task.requirements
    if task.deadline:
        message.deadline.CopyFrom(to_timestamp(task.deadline))
    if task.assignment:
        message.claimed_by_agent_id, message.price_credits = task.assignment.agent_id, task.assignment.price
    if task.deliverables_count:
        message.deliverables_count = task.deliverables_count
    _set_review(message, task)
    return message


def to_row(task: MarketTask) -> bytes:
    """Return a task as lists keep it in memory: its message, which is read much faster than it is made."""
    return to_market_task(task).SerializeToString()


def _set_review(message: pb.MarketTask, task: MarketTask) -> None:
    if task.auto_review_enabled:
        message.auto_review_enabled = True
    if task.poster_llm_provider:
        message.poster_llm_provider = task.poster_llm_provider
    if task.poster_max_reviews is not None:
        message.poster_max_reviews = task.poster_max_reviews
    if task.poster_reviews_used:
        message.poster_reviews_used = task.poster_reviews_used


def to_claim(claim: Claim) -> pb.Claim:
    """Return a claim as a message."""
    return pb.Claim(
        id=claim.id,
        task_id=claim.task_id,
        agent=pb.Party(id=claim.agent_id, name=claim.agent_name),
        proposed_credits=claim.proposed,
        message=claim.message,
        status=CLAIM_STATUSES[claim.status],
        created_at=to_timestamp(claim.created_at),
    )


def to_outcome(task_id: int, outcome: Claim | DomainError) -> pb.ClaimOutcome:
    """Return what became of one offer of several as a message."""
    if isinstance(outcome, Claim):
        return pb.ClaimOutcome(task_id=task_id, claim=to_claim(outcome))
    return pb.ClaimOutcome(task_id=task_id, reason=outcome.reason, message=outcome.message, metadata=outcome.metadata)
