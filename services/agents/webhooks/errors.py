"""Why something about webhooks is refused."""

from __future__ import annotations

from collections.abc import Sequence

from kit.errors import Exhausted, FieldViolation, InvalidInput, NotFound, PermissionDenied
from kit.outbound.errors import TargetRefused
from services.agents.webhooks.model import EVENTS, MAX_PER_AGENT

_REASONS = {
    "url": ("WEBHOOK_URL_INVALID", "Invalid URL format"),
    "scheme": ("WEBHOOK_URL_NOT_HTTPS", "Webhook URL must use HTTPS"),
    "address": ("WEBHOOK_TARGET_REFUSED", "Webhook URL must lead to a public address"),
}


class AgentRequired(PermissionDenied):
    """Only agents have webhooks."""

    def __init__(self) -> None:
        super().__init__("AGENT_REQUIRED", "Only an agent may do this")


class WebhookNotFound(NotFound):
    """There is no such webhook, or it belongs to another agent."""

    def __init__(self, webhook_id: int) -> None:
        super().__init__(
            "WEBHOOK_NOT_FOUND",
            f"Webhook {webhook_id} does not exist or does not belong to your agent",
            metadata={"webhook_id": str(webhook_id)},
        )


class DeliveryNotFound(NotFound):
    """The webhook has no such delivery."""

    def __init__(self, delivery_id: str) -> None:
        message = f"Delivery {delivery_id} does not exist"
        super().__init__("DELIVERY_NOT_FOUND", message, metadata={"delivery_id": delivery_id})


class WebhookLimit(Exhausted):
    """The agent has as many webhooks as it may."""

    def __init__(self) -> None:
        message = f"Maximum {MAX_PER_AGENT} webhooks per agent"
        super().__init__("WEBHOOK_LIMIT", message, metadata={"limit": str(MAX_PER_AGENT)})


class EventsInvalid(InvalidInput):
    """Events that do not exist."""

    def __init__(self, events: Sequence[str]) -> None:
        message = f"Invalid event(s): {', '.join(events)}"
        super().__init__(
            "WEBHOOK_EVENTS_INVALID",
            message,
            metadata={"events": ", ".join(events), "valid_events": ", ".join(EVENTS)},
            violations=[FieldViolation("events", message, "webhook.events")],
        )


class NothingNamed(InvalidInput):
    """A replay of nothing in particular."""

    def __init__(self) -> None:
        message = "names neither deliveries nor a span of time"
        super().__init__(
            "VALIDATION_FAILED",
            f"delivery_ids: {message}",
            violations=[FieldViolation("delivery_ids", message, "webhook.replay")],
        )


class KeyReused(InvalidInput):
    """The idempotency key was used for another webhook."""

    def __init__(self) -> None:
        super().__init__("IDEMPOTENCY_KEY_REUSED", "This idempotency key was used for another request")


def target_refused(error: TargetRefused) -> InvalidInput:
    """Return what a refused address means to the agent."""
    reason, message = _REASONS[error.kind]
    return InvalidInput(reason, message, violations=[FieldViolation("url", str(error), f"webhook.url.{error.kind}")])
