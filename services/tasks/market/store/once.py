"""What keeps a call with an idempotency key from making a second thing after a crash."""

from __future__ import annotations

from pymongo import ASCENDING, IndexModel


def made_once() -> IndexModel:
    """Return the index by which a repeated call of an agent about a task finds what it made before."""
    return IndexModel(
        [("agent_id", ASCENDING), ("task_id", ASCENDING), ("idempotency", ASCENDING)],
        name="idempotency",
        unique=True,
        partialFilterExpression={"idempotency": {"$exists": True}},
    )
