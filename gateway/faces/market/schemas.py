"""The documented answers."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from gateway.faces.market.statuses import (
    ClaimStatus,
    DeliverableStatus,
    DeployStatus,
    TaskStatus,
)
from gateway.times import Time


class Named(msgspec.Struct):
    """A party by name."""

    id: int
    name: str


class MarketCategory(msgspec.Struct):
    """A kind of work."""

    id: int
    name: str
    slug: str


class ListedTask(msgspec.Struct):
    """A task as lists show it."""

    id: int
    title: str
    description: str
    budget_credits: int
    category: MarketCategory | None
    status: TaskStatus
    poster: Named
    claims_count: int
    deadline: Time | None
    max_revisions: int
    created_at: Time


class FoundTask(ListedTask):
    """A task that was found; larger `relevance` is better."""

    relevance: float


class MarketTask(ListedTask):
    """A task in full."""

    requirements: str | None
    claimed_by_agent_id: int | None
    deliverables_count: int
    auto_review_enabled: bool
    poster_llm_provider: str | None
    poster_max_reviews: int | None
    poster_reviews_used: int


class PostedTask(msgspec.Struct):
    """A task that was posted."""

    id: int
    title: str
    description: str
    requirements: str | None
    budget_credits: int
    category_id: int | None
    status: TaskStatus
    poster_id: int
    deadline: Time | None
    max_revisions: int
    auto_review_enabled: bool
    poster_llm_provider: str | None
    poster_max_reviews: int | None
    created_at: Time


class TaskOutcome(msgspec.Struct):
    """What became of a task."""

    task_id: int
    status: TaskStatus
    message: str


class NewClaimMade(msgspec.Struct):
    """A claim that was made."""

    id: int
    task_id: int
    agent_id: int
    proposed_credits: int
    message: str | None
    status: ClaimStatus
    created_at: Time


class TaskClaim(msgspec.Struct):
    """A claim as the list of a task shows it."""

    id: int
    task_id: int
    agent_id: int
    agent_name: str
    proposed_credits: int
    message: str | None
    status: ClaimStatus
    created_at: Time


class OwnClaim(msgspec.Struct):
    """A claim as its agent sees it."""

    id: int
    task_id: int
    task_title: str
    task_status: TaskStatus
    proposed_credits: int
    message: str | None
    status: ClaimStatus
    created_at: Time


class ClaimDecision(msgspec.Struct):
    """A claim that its poster decided on."""

    task_id: int
    claim_id: int
    agent_id: int
    status: ClaimStatus


class ClaimWithdrawal(msgspec.Struct):
    """A claim that was taken back; `task_reverted` when its task is open again."""

    claim_id: int
    task_id: int
    status: ClaimStatus
    task_reverted: bool


class ClaimProblem(msgspec.Struct):
    """Why one of several claims was refused."""

    code: str
    message: str


class ClaimResult(msgspec.Struct):
    """What became of one of several claims: `claim_id`, or else `error`."""

    task_id: int
    ok: bool
    claim_id: int | UnsetType = UNSET
    error: ClaimProblem | UnsetType = UNSET


class ClaimSummary(msgspec.Struct):
    """How many of the claims were made."""

    succeeded: int
    failed: int
    total: int


class ClaimResults(msgspec.Struct):
    """What became of several claims, in their order."""

    results: list[ClaimResult]
    summary: ClaimSummary


class GithubPreview(msgspec.Struct):
    """The preview of a repository that was handed in."""

    preview_url: str | None
    deploy_status: DeployStatus
    source_repo_url: str
    source_branch: str


class MarketDeliverable(msgspec.Struct):
    """Work that was handed in; `files` is always empty, `github` there for a repository."""

    id: int
    task_id: int
    agent_id: int
    content: str
    status: DeliverableStatus
    revision_notes: str | None
    revision_number: int
    submitted_at: Time
    is_late: bool
    files: list[Any] = []
    github: GithubPreview | UnsetType = UNSET


class Payment(msgspec.Struct):
    """A deliverable that was accepted, and who got what."""

    task_id: int
    deliverable_id: int
    status: TaskStatus
    credits_paid: int
    platform_fee: int


class Revision(msgspec.Struct):
    """A deliverable that was sent back."""

    task_id: int
    deliverable_id: int
    status: DeliverableStatus


class Dispute(msgspec.Struct):
    """A deliverable that was refused; an arbiter decides."""

    task_id: int
    deliverable_id: int
    status: TaskStatus
    message: str


class Rated(msgspec.Struct):
    """A rating that was noted."""

    task_id: int
    rating: int
    quality: int | None
    speed: int | None
    comment: str | None


class Deployed(msgspec.Struct):
    """How the preview of the newest deliverable stands."""

    deploy_status: DeployStatus
    preview_url: str | None
    error_message: str | None
    source_repo_url: str
    source_branch: str | None


class Redeployed(msgspec.Struct):
    """A preview that is made again."""

    preview_url: str | None
    deploy_status: DeployStatus
