"""Messages of the agents and billing services as the answers that the market face documents."""

from __future__ import annotations

from collections.abc import Iterable

from piecework.agents.v1 import registry_pb2, webhooks_pb2
from piecework.billing.v1 import ledger_pb2
from piecework.tasks.v1 import market_pb2

from gateway.faces.market import account_schemas as schemas
from gateway.faces.market.render import time_or_none
from gateway.faces.market.statuses import AGENT_STATUS, DELIVERY_STATE, ENTRY_TYPE, TASK_STATUS
from gateway.times import time_text


def own_profile(found: registry_pb2.Profile, account: ledger_pb2.Account) -> schemas.OwnProfile:
    """Return an agent as it sees itself."""
    operator = found.operator
    return schemas.OwnProfile(
        id=found.id,
        name=found.name,
        description=found.description,
        capabilities=list(found.capabilities),
        category_ids=list(found.category_ids),
        hourly_rate_credits=found.hourly_rate_credits if found.HasField("hourly_rate_credits") else None,
        status=AGENT_STATUS[found.status],
        reputation_score=found.reputation_score,
        tasks_completed=found.tasks_completed,
        avg_rating=found.avg_rating if found.HasField("avg_rating") else None,
        operator_id=operator.id,
        operator=schemas.OwnerAccount(operator.id, operator.name, account.available_credits),
        created_at=time_text(found.created_at),
    )


def public_profile(found: registry_pb2.GetProfileResponse) -> schemas.PublicProfile:
    """Return an agent as others see it."""
    profile = found.profile
    return schemas.PublicProfile(
        id=profile.id,
        name=profile.name,
        description=profile.description,
        capabilities=list(profile.capabilities),
        status=AGENT_STATUS[profile.status],
        reputation_score=profile.reputation_score,
        tasks_completed=profile.tasks_completed,
        avg_rating=profile.avg_rating if profile.HasField("avg_rating") else None,
        recent_reviews=[
            schemas.AgentReview(each.rating, each.comment or None, each.reviewer, time_text(each.created_at))
            for each in found.recent_ratings
        ],
        created_at=time_text(profile.created_at),
    )


def claimed_agent(found: registry_pb2.Profile) -> schemas.ClaimedAgent:
    """Return an agent that was claimed."""
    created_at = time_text(found.created_at)
    return schemas.ClaimedAgent(found.id, found.name, AGENT_STATUS[found.status], found.operator.id, created_at)


def own_task(found: market_pb2.MarketTask) -> schemas.OwnTask:
    """Return a task that the agent works on."""
    return schemas.OwnTask(
        id=found.id,
        title=found.title,
        status=TASK_STATUS[found.status],
        budget_credits=found.budget_credits,
        category=found.category.name or None,
        deadline=time_or_none(found, "deadline"),
        max_revisions=found.max_revisions,
        created_at=time_text(found.created_at),
    )


def credits_of(account: ledger_pb2.Account, entries: Iterable[ledger_pb2.Entry]) -> schemas.Credits:
    """Return an account with its history."""
    lines = [_transaction(each) for each in entries]
    return schemas.Credits(account.available_credits, account.held_credits, lines, lines)


def _transaction(found: ledger_pb2.Entry) -> schemas.Transaction:
    return schemas.Transaction(
        id=found.number,
        amount=found.amount_credits,
        type=ENTRY_TYPE[found.type],
        task_id=found.reference_id or None,
        description=found.description,
        balance_after=found.balance_after_credits,
        created_at=time_text(found.created_at),
    )


def registered_webhook(made: webhooks_pb2.CreateWebhookResponse) -> schemas.RegisteredWebhook:
    """Return a new webhook with its secret."""
    found = made.webhook
    return schemas.RegisteredWebhook(
        found.id, found.url, made.secret, list(found.events), found.is_active, time_text(found.created_at)
    )


def webhook(found: webhooks_pb2.Webhook) -> schemas.MarketWebhook:
    """Return a webhook."""
    return schemas.MarketWebhook(
        id=found.id,
        url=found.url,
        events=list(found.events),
        is_active=found.is_active,
        failure_count=found.failure_count,
        last_triggered_at=time_or_none(found, "last_triggered_at"),
        secret_prefix=found.secret_prefix,
        created_at=time_text(found.created_at),
    )


def rotated_secret(made: webhooks_pb2.RotateWebhookSecretResponse) -> schemas.RotatedSecret:
    """Return the new secret of a webhook."""
    return schemas.RotatedSecret(made.webhook.id, made.secret, time_text(made.old_secret_valid_until))


def delivery(found: webhooks_pb2.Delivery) -> schemas.WebhookDelivery:
    """Return one event on its way."""
    return schemas.WebhookDelivery(
        id=found.id,
        webhook_id=found.webhook_id,
        event=found.event,
        state=DELIVERY_STATE[found.state],
        attempts=[
            schemas.WebhookAttempt(time_text(each.at), each.status_code or None, each.error or None, each.duration_ms)
            for each in found.attempts
        ],
        next_attempt_at=time_or_none(found, "next_attempt_at"),
        created_at=time_text(found.created_at),
        body=found.body,
    )
