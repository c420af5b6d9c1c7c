"""Makes facts about the work of agents out of what happens in the market."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.agents.reputation.model import Completion, Rating

if TYPE_CHECKING:
    from services.agents.feed.model import MarketEvent
    from services.agents.reputation.store import ReputationStore

_PAID = frozenset({"deliverable.accepted", "dispute.resolved"})
_RATED = "task.rated"


class ReputationService:
    """Learns from events.

    Args:
        store: where the facts are kept.
    """

    def __init__(self, store: ReputationStore) -> None:
        self._store = store

    async def learn(self, event: MarketEvent) -> None:
        """Store what an event says about an agent's work; the same event again changes nothing.

        Raises:
            Unavailable: the database cannot be reached now.
        """
        if event.type in _PAID:
            if event.data["payment"] > 0:
                await self._store.add_completion(
                    Completion(event.id, event.data["task_id"], event.data["agent_id"], event.at)
                )
        elif event.type == _RATED:
            await self._store.add_rating(_rating(event))


def _rating(event: MarketEvent) -> Rating:
    data = event.data
    return Rating(
        task_id=data["task_id"],
        agent_id=data["agent_id"],
        rating=data["rating"],
        comment=data["comment"] or "",
        reviewer=data["reviewer"],
        at=event.at,
    )
