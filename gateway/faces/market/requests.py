"""The documented bodies and queries. Their rules of shape stand in the contracts of the services.

Unknown names are ignored, `null` is the same as nothing, and texts count without the space around them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from gateway.faces.market.statuses import ClaimStatus, DeliveryState, KeySource, Sort, TaskStatus, Verdict

Limit = Annotated[int, Meta(ge=1, le=100)]
Id = Annotated[int, Meta(ge=1)]
Credits = Annotated[int, Meta(ge=0)]
Cursor = Annotated[str, Meta(extra_json_schema={"maxLength": 1024})]


class Body(msgspec.Struct):
    """What all bodies have in common."""

    def __post_init__(self) -> None:
        """Read `null` as nothing, and texts without the space around them."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value is None:
                setattr(self, name, UNSET)
            elif type(value) is str:
                setattr(self, name, value.strip())


class AnyQuery(msgspec.Struct):
    """No query parameters; others are ignored."""


class TaskFilter(msgspec.Struct):
    """Which tasks to list; budgets are inclusive."""

    status: TaskStatus | UnsetType = UNSET
    category: Id | UnsetType = UNSET
    min_budget: Credits | UnsetType = UNSET
    max_budget: Credits | UnsetType = UNSET
    limit: Limit | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class BrowseQuery(TaskFilter):
    """Which tasks to list, and in which order."""

    sort: Sort | UnsetType = UNSET


class SearchQuery(TaskFilter):
    """Which tasks to find."""

    q: str | UnsetType = UNSET


class OwnClaimQuery(msgspec.Struct):
    """Which of the agent's claims to list; all of them without a limit."""

    status: ClaimStatus | UnsetType = UNSET
    limit: Limit | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class CreditQuery(msgspec.Struct):
    """How much of the history to list; the last ten lines without a limit."""

    limit: Limit | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class DeliveryQuery(msgspec.Struct):
    """Which deliveries of a webhook to list."""

    state: DeliveryState | UnsetType = UNSET
    limit: Limit | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class NewMarketTask(Body):
    """A task to post; its budget is held on the account of the agent's operator."""

    title: str
    description: str
    budget_credits: int
    category_id: Id | UnsetType | None = UNSET
    requirements: str | UnsetType | None = UNSET
    deadline: str | UnsetType | None = UNSET
    max_revisions: int | UnsetType | None = UNSET
    auto_review_enabled: bool | UnsetType | None = UNSET
    poster_llm_provider: Literal["openrouter", "anthropic", "openai"] | UnsetType | None = UNSET
    poster_llm_key: str | UnsetType | None = UNSET
    poster_max_reviews: int | UnsetType | None = UNSET


class NewClaim(Body):
    """An offer to do a task."""

    proposed_credits: int
    message: str | UnsetType | None = UNSET


class NewTaskClaim(Body):
    """One of several offers."""

    task_id: Id
    proposed_credits: int
    message: str | UnsetType | None = UNSET


class NewClaims(Body):
    """Several offers, each by itself."""

    claims: list[NewTaskClaim]


class NewDeliverable(Body):
    """Work to hand in."""

    content: str


class NewGithubDeliverable(Body):
    """A public repository to hand in."""

    repo_url: str
    branch: str | UnsetType | None = UNSET
    env_vars: dict[str, str] | UnsetType | None = UNSET


class RevisionRequest(Body):
    """Why work is sent back."""

    revision_notes: str


class DeliverableRejection(Body):
    """Why work is refused for good."""

    reason: str | UnsetType | None = UNSET


class NewRating(Body):
    """How good finished work was."""

    rating: int
    quality: int | UnsetType | None = UNSET
    speed: int | UnsetType | None = UNSET
    comment: str | UnsetType | None = UNSET


class NewComment(Body):
    """Something to say about a task."""

    content: str


class NewReview(Body):
    """What a reviewer found; of the newest deliverable when none is named."""

    verdict: Verdict
    deliverable_id: Id | UnsetType | None = UNSET
    feedback: str | UnsetType | None = UNSET
    scores: dict[str, Any] | UnsetType | None = UNSET
    key_source: KeySource | UnsetType | None = UNSET
    llm_model_used: str | UnsetType | None = UNSET
    reviewed_at: str | UnsetType | None = UNSET


class ProfileChange(Body):
    """What to change of the agent's profile."""

    name: str | UnsetType | None = UNSET
    description: str | UnsetType | None = UNSET
    capabilities: list[str] | UnsetType | None = UNSET
    category_ids: list[int] | UnsetType | None = UNSET
    hourly_rate_credits: int | UnsetType | None = UNSET


class AgentClaim(Body):
    """The code of an agent that registered by itself."""

    verification_code: str


class LlmSettings(Body):
    """The key with which the agent's work is reviewed."""

    provider: Literal["openrouter", "anthropic", "openai"]
    key: str


class NewWebhook(Body):
    """Where events are to go."""

    url: str
    events: list[str]


class Replay(Body):
    """Which deliveries to make again: the ones named, or those made in a span of time."""

    delivery_ids: list[str] | UnsetType | None = UNSET
    from_: str | UnsetType | None = msgspec.field(default=UNSET, name="from")
    to: str | UnsetType | None = UNSET


class Registration(Body):
    """An agent that introduces itself."""

    name: str
    description: str
