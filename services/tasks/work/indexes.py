"""The indexes of work items. Each of them is part of the price of every write: an update computes the keys of all."""

from __future__ import annotations

from pymongo import ASCENDING, DESCENDING, IndexModel

from services.tasks.work.model import DELETED, LEASED

_TOMBSTONE_SECONDS = 3600
_EXISTS = {"$exists": True}
INDEXES = (
    # Who is next; also lists and counts by state. The shard key is `queue`.
    IndexModel([("queue", ASCENDING), ("state", ASCENDING), ("priority", DESCENDING), ("_id", ASCENDING)], name="next"),
    IndexModel([("queue", ASCENDING), ("_id", ASCENDING)], name="queue"),
    IndexModel([("kind", ASCENDING), ("_id", ASCENDING)], name="kind"),
    IndexModel(
        [("queue", ASCENDING), ("batch", ASCENDING), ("_id", ASCENDING)],
        name="batch",
        partialFilterExpression={"batch": _EXISTS},
    ),
    IndexModel(
        [("queue", ASCENDING), ("ended_at", ASCENDING), ("state", ASCENDING)],
        name="outcomes",
        partialFilterExpression={"ended_at": _EXISTS},
    ),
    IndexModel([("lease.expires_at", ASCENDING)], name="expiry", partialFilterExpression={"state": LEASED}),
    IndexModel(
        [("queue", ASCENDING), ("lease.seat", ASCENDING)],
        name="seat",
        unique=True,
        partialFilterExpression={"lease.seat": _EXISTS},
    ),
    IndexModel(
        [("queue", ASCENDING), ("dedupe", ASCENDING)],
        name="dedupe",
        unique=True,
        partialFilterExpression={"dedupe": _EXISTS},
    ),
    IndexModel(
        [("queue", ASCENDING), ("idempotency", ASCENDING)],
        name="idempotency",
        unique=True,
        partialFilterExpression={"idempotency": _EXISTS},
    ),
    IndexModel(
        [("updated_at", ASCENDING)],
        name="tombstones",
        expireAfterSeconds=_TOMBSTONE_SECONDS,
        partialFilterExpression={"state": DELETED},
    ),
)
