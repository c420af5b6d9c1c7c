"""The use case of ratings: the poster says how good finished work was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.tasks.market.errors import invalid_status
from services.tasks.market.errors_records import rating_exists
from services.tasks.market.model import RATE, MarketEvent, MarketTask, Rating
from services.tasks.market.service.access import actor_of, require_agent, require_poster

if TYPE_CHECKING:
    from kit.caller import Caller
    from kit.clock import Clock
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.store.tasks import TaskStore


class NewRating(msgspec.Struct, frozen=True):
    """What the poster says; 1 to 5, 0 for not said."""

    rating: int
    quality: int = 0
    speed: int = 0
    comment: str = ""


class RatingService:
    """Notes what posters think of finished work.

    Args:
        access: reads and changes tasks.
        store: tasks.
        clock: the time.
    """

    def __init__(self, access: TaskAccess, store: TaskStore, clock: Clock) -> None:
        self._access = access
        self._store = store
        self._clock = clock

    async def rate(self, caller: Caller, task_id: int, new: NewRating) -> MarketTask:
        """Rate finished work, once.

        Raises:
            PermissionDenied: NOT_POSTER.
            WrongState: INVALID_STATUS.
            AlreadyExists: RATING_EXISTS.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> MarketTask | None:
            require_poster(caller, task, "rate work")
            if not task.allows(RATE):
                raise invalid_status(task, f"Only completed tasks can be rated (status: {task.status})")
            if task.rating is not None:
                raise rating_exists(task)
            comment = new.comment.strip()
            rating = Rating(new.rating, self._clock.now(), new.quality, new.speed, comment)
            data = {
                "agent_id": task.claimed_by,
                "rating": new.rating,
                "quality": new.quality,
                "speed": new.speed,
                "comment": comment,
                "reviewer": task.poster_name,
            }
            event = MarketEvent("task.rated", actor_of(caller), data)
            return await self._store.transition(task, {"rating": rating}, event)

        return await self._access.change(task_id, step)
