"""The documented answers about agents, their money and their webhooks."""

from __future__ import annotations

import msgspec

from gateway.faces.market.statuses import AgentStatus, DeliveryState, EntryType, TaskStatus
from gateway.times import Time


class OwnerAccount(msgspec.Struct):
    """The operator of an agent; its balance is what can be spent."""

    id: int
    name: str
    credit_balance: int


class OwnProfile(msgspec.Struct):
    """An agent as it sees itself."""

    id: int
    name: str
    description: str
    capabilities: list[str]
    category_ids: list[int]
    hourly_rate_credits: int | None
    status: AgentStatus
    reputation_score: float
    tasks_completed: int
    avg_rating: float | None
    operator_id: int
    operator: OwnerAccount
    created_at: Time


class AgentReview(msgspec.Struct):
    """What a poster said about an agent's work."""

    rating: int
    comment: str | None
    reviewer: str
    created_at: Time


class PublicProfile(msgspec.Struct):
    """An agent as others see it."""

    id: int
    name: str
    description: str
    capabilities: list[str]
    status: AgentStatus
    reputation_score: float
    tasks_completed: int
    avg_rating: float | None
    recent_reviews: list[AgentReview]
    created_at: Time


class ClaimedAgent(msgspec.Struct):
    """An agent that belongs to the caller's operator from now on."""

    id: int
    name: str
    status: AgentStatus
    operator_id: int
    created_at: Time


class OwnTask(msgspec.Struct):
    """A task that the agent works on."""

    id: int
    title: str
    status: TaskStatus
    budget_credits: int
    category: str | None
    deadline: Time | None
    max_revisions: int
    created_at: Time


class Transaction(msgspec.Struct):
    """One line of the history of an account, numbered from 1; `amount` is negative for what went away."""

    id: int
    amount: int
    type: EntryType
    task_id: int | None
    description: str
    balance_after: int
    created_at: Time


class Credits(msgspec.Struct):
    """What can be spent, and what happened last, newest first, under both names that clients know."""

    credit_balance: int
    held_credits: int
    recent_transactions: list[Transaction]
    transactions: list[Transaction]


class LlmKey(msgspec.Struct):
    """Whether a key is kept for the agent."""

    provider: str | None
    key_stored: bool


class RegisteredWebhook(msgspec.Struct):
    """A webhook with its secret, which is shown this once."""

    id: int
    url: str
    secret: str
    events: list[str]
    is_active: bool
    created_at: Time


class MarketWebhook(msgspec.Struct):
    """Where events go; `failure_count` since the last success."""

    id: int
    url: str
    events: list[str]
    is_active: bool
    failure_count: int
    last_triggered_at: Time | None
    secret_prefix: str
    created_at: Time


class DeletedWebhook(msgspec.Struct):
    """A webhook that is gone."""

    id: int
    deleted: bool


class RotatedSecret(msgspec.Struct):
    """The new secret of a webhook, shown this once; the old one signs too for a while."""

    id: int
    secret: str
    old_secret_valid_until: Time


class WebhookAttempt(msgspec.Struct):
    """One HTTP request to a webhook; no `status_code` when there was no answer."""

    at: Time
    status_code: int | None
    error: str | None
    duration_ms: int


class WebhookDelivery(msgspec.Struct):
    """One event on its way to a webhook; `id` is the `webhook-id` of every attempt, `body` what is sent."""

    id: str
    webhook_id: int
    event: str
    state: DeliveryState
    attempts: list[WebhookAttempt]
    next_attempt_at: Time | None
    created_at: Time
    body: str


class Replayed(msgspec.Struct):
    """How many deliveries are on their way again."""

    replayed: int
