"""Between webhooks and their messages."""

from __future__ import annotations

from piecework.agents.v1 import webhooks_pb2 as pb

from kit.timestamps import to_timestamp
from services.agents.webhooks.model import DEAD, DELIVERED, PENDING, Attempt, Delivery, Webhook

_STATES = {
    PENDING: pb.DELIVERY_STATE_PENDING,
    DELIVERED: pb.DELIVERY_STATE_DELIVERED,
    DEAD: pb.DELIVERY_STATE_DEAD,
}
_NAMES: dict[int, str] = {int(number): name for name, number in _STATES.items()}


def webhook_to_proto(webhook: Webhook) -> pb.Webhook:
    """Return the message of a webhook, which has no secret."""
    return pb.Webhook(
        id=webhook.id,
        agent_id=webhook.agent_id,
        url=webhook.url,
        events=webhook.events,
        is_active=webhook.is_active,
        failure_count=webhook.failure_count,
        last_triggered_at=None if webhook.last_triggered_at is None else to_timestamp(webhook.last_triggered_at),
        created_at=to_timestamp(webhook.created_at),
        secret_prefix=webhook.secret_prefix,
    )


def delivery_to_proto(delivery: Delivery) -> pb.Delivery:
    """Return the message of a delivery."""
    return pb.Delivery(
        id=delivery.id,
        webhook_id=delivery.webhook_id,
        event=delivery.event,
        state=_STATES[delivery.state],
        attempts=[_attempt_to_proto(attempt) for attempt in delivery.attempts],
        next_attempt_at=None if delivery.next_attempt_at is None else to_timestamp(delivery.next_attempt_at),
        created_at=to_timestamp(delivery.created_at),
        body=delivery.body,
    )


def state_of(state: int) -> str | None:
    """Return the state that a message names, None when it names none."""
    return _NAMES.get(state)


def _attempt_to_proto(attempt: Attempt) -> pb.DeliveryAttempt:
    return pb.DeliveryAttempt(
        at=to_timestamp(attempt.at),
        status_code=attempt.status,
        error=attempt.error,
        duration_ms=attempt.duration_ms,
    )
