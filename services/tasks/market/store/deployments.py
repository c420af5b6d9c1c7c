"""How the previews of deliverables stand, in MongoDB. They change without their task."""

from __future__ import annotations

from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

from kit.mongo import translated
from services.tasks.market.documents import to_document
from services.tasks.market.records import Deployment
from services.tasks.market.store.deliverables import COLLECTION


class DeploymentStore:
    """The previews in the collection of deliverables.

    Args:
        database: the database of the tasks service.
    """

    def __init__(self, database: AsyncDatabase[dict[str, Any]]) -> None:
        self._deliverables = database[COLLECTION]

    @translated()
    async def change(self, deliverable_id: int, before: Deployment, after: Deployment) -> bool:
        """Change how a preview stands; False when it does not stand as `before` any more."""
        guard = {
            "_id": deliverable_id,
            "deployment.status": before.status,
            "deployment.deployment_id": before.deployment_id or None,
            "deployment.asked_at": before.asked_at,  # a new one that is being asked for still bears the id of the old
        }
        changed = await self._deliverables.update_one(guard, {"$set": {"deployment": to_document(after)}})
        return bool(changed.matched_count)
