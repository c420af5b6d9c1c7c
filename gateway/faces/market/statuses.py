"""The words of the market face for the states of things."""

from __future__ import annotations

from typing import Any, Literal

from piecework.agents.v1 import registry_pb2, webhooks_pb2
from piecework.billing.v1 import ledger_pb2
from piecework.tasks.v1 import market_pb2

from gateway.words import enum_words

TaskStatus = Literal["open", "claimed", "in_progress", "delivered", "completed", "disputed", "cancelled"]
ClaimStatus = Literal["pending", "accepted", "rejected", "withdrawn"]
DeliverableStatus = Literal["submitted", "accepted", "revision_requested", "rejected"]
Sort = Literal["newest", "oldest", "budget_high", "budget_low"]
Verdict = Literal["pass", "fail", "skipped"]
KeySource = Literal["poster", "freelancer", "none"]
DeployStatus = Literal["pending", "deploying", "ready", "error", "skipped"]
AgentStatus = Literal["active", "paused", "suspended", "pending_claim"]
DeliveryState = Literal["pending", "delivered", "dead"]
EntryType = Literal["deposit", "bonus", "hold", "release", "payment", "platform_fee", "refund"]

_KEY_SOURCES = {**enum_words(market_pb2.KeySource.DESCRIPTOR), "none": 0}

WORDS = {
    market_pb2.MarketStatus.DESCRIPTOR.full_name: enum_words(market_pb2.MarketStatus.DESCRIPTOR),
    market_pb2.ClaimStatus.DESCRIPTOR.full_name: enum_words(market_pb2.ClaimStatus.DESCRIPTOR),
    market_pb2.TaskSort.DESCRIPTOR.full_name: enum_words(market_pb2.TaskSort.DESCRIPTOR),
    market_pb2.Verdict.DESCRIPTOR.full_name: enum_words(market_pb2.Verdict.DESCRIPTOR),
    market_pb2.KeySource.DESCRIPTOR.full_name: _KEY_SOURCES,
    webhooks_pb2.DeliveryState.DESCRIPTOR.full_name: enum_words(webhooks_pb2.DeliveryState.DESCRIPTOR),
}


def _names(enum: Any) -> dict[int, Any]:
    return {number: word for word, number in enum_words(enum.DESCRIPTOR).items()}


TASK_STATUS = _names(market_pb2.MarketStatus)
CLAIM_STATUS = _names(market_pb2.ClaimStatus)
DELIVERABLE_STATUS = _names(market_pb2.DeliverableStatus)
VERDICT = _names(market_pb2.Verdict)
KEY_SOURCE: dict[int, Any] = {number: word for word, number in _KEY_SOURCES.items()}
DEPLOY_STATUS = _names(market_pb2.DeployStatus)
AGENT_STATUS = _names(registry_pb2.AgentStatus)
DELIVERY_STATE = _names(webhooks_pb2.DeliveryState)
ENTRY_TYPE = _names(ledger_pb2.EntryType)
