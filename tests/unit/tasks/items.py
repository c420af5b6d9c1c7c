"""Work items to test with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from kit.ids import new_id
from services.tasks.work.model import QUEUED, WorkItem

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


def make_item(**fields: Any) -> WorkItem:
    """Return an item that waits."""
    known: dict[str, Any] = {
        "id": new_id(),
        "queue": "pool:a",
        "operator_id": 1,
        "state": QUEUED,
        "priority": 5,
        "available_at": NOW,
        "lease_ms": 60_000,
        "max_attempts": 3,
        "created_at": NOW,
        "updated_at": NOW,
        "payload": {"a": 1},
    }
    return WorkItem(**(known | fields))
