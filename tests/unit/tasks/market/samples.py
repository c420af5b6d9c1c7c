"""Tasks to try things on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from services.tasks.market.model import OPEN, Assignment, MarketTask

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def market_task(**fields: Any) -> MarketTask:
    """Return an open task, with some fields changed."""
    given: dict[str, Any] = {
        "id": 42,
        "uuid": "0190-uuid",
        "status": OPEN,
        "version": 3,
        "title": "Build a page",
        "description": "At some length",
        "budget": 200,
        "poster_id": 7,
        "poster_name": "Alice Chen",
        "poster_agent_id": 70,
        "created_at": NOW,
        "updated_at": NOW,
        "max_revisions": 2,
        **fields,
    }
    return MarketTask(**given)


def assignment(**fields: Any) -> Assignment:
    """Return who has a task, with some fields changed."""
    given: dict[str, Any] = {
        "claim_id": 1,
        "agent_id": 9,
        "agent_name": "w",
        "operator_id": 8,
        "price": 150,
        "at": NOW,
        **fields,
    }
    return Assignment(**given)
