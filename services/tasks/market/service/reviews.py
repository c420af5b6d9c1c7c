"""Use cases of reviews: what a reviewer needs to know, and what it found."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from services.tasks.market.errors import deliverable_not_found
from services.tasks.market.errors_records import not_an_object
from services.tasks.market.model import MarketEvent, MarketTask
from services.tasks.market.records import NO_KEY, POSTERS_KEY, Deliverable, Review
from services.tasks.market.service.access import actor_of, require_agent
from services.tasks.market.service.roles import is_poster, is_worker

if TYPE_CHECKING:
    from kit.caller import Caller
    from kit.clock import Clock
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.service.keys import KeyService
    from services.tasks.market.service.roles import Roles
    from services.tasks.market.store.counters import Counters
    from services.tasks.market.store.deliverables import DeliverableStore
    from services.tasks.market.store.reviews import ReviewStore
    from services.tasks.market.store.tasks import TaskStore

COUNTER = "market_reviews"


class ReviewConfig(msgspec.Struct, frozen=True):
    """What a reviewer needs. Keys are empty when there are none or they are not the caller's to see."""

    task: MarketTask
    poster_key: str
    poster_key_usable: bool
    poster_limit_reached: bool
    freelancer_key: str
    freelancer_provider: str
    freelancer_key_available: bool


class NewReview(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer found; `deliverable_id` 0 is the newest one."""

    verdict: str
    deliverable_id: int = 0
    feedback: str = ""
    scores: str = ""
    key_source: str = NO_KEY
    llm_model_used: str = ""
    reviewed_at: datetime | None = None


class ReviewService:
    """Serves reviewers.

    Args:
        access: reads and changes tasks.
        store: tasks.
        deliverables: deliverables.
        reviews: reviews.
        counters: gives numbers.
        keys: opens keys.
        roles: knows the reviewer.
        clock: the time.
    """

    def __init__(
        self,
        access: TaskAccess,
        store: TaskStore,
        deliverables: DeliverableStore,
        reviews: ReviewStore,
        counters: Counters,
        keys: KeyService,
        roles: Roles,
        clock: Clock,
    ) -> None:
        self._access = access
        self._store = store
        self._deliverables = deliverables
        self._reviews = reviews
        self._counters = counters
        self._keys = keys
        self._roles = roles
        self._clock = clock

    async def config(self, caller: Caller, task_id: int) -> ReviewConfig:
        """Return what a reviewer of a task needs: each side sees its own key, the reviewer agent both.

        Raises:
            PermissionDenied: NOT_INVOLVED.
        """
        require_agent(caller)
        task = await self._access.read(task_id)
        self._roles.require_part_in_review(caller, task)
        is_reviewer = self._roles.is_reviewer(caller)
        posters = self._keys.of_poster(task)
        workers, provider = await self._keys.of_worker(task)
        limit_reached = task.poster_max_reviews is not None and task.poster_reviews_used >= task.poster_max_reviews
        return ReviewConfig(
            task=task,
            poster_key=posters if is_reviewer or is_poster(caller, task) else "",
            poster_key_usable=bool(posters) and not limit_reached,
            poster_limit_reached=limit_reached,
            freelancer_key=workers if is_reviewer or is_worker(caller, task) else "",
            freelancer_provider=provider,
            freelancer_key_available=bool(workers),
        )

    async def create(self, caller: Caller, task_id: int, new: NewReview, key: str | None) -> Review:
        """Store what a reviewer found in a deliverable, once; the task stays as it is.

        A review that the poster's key paid for counts, up to the most that the poster allows. With an idempotency
        `key`, once for that key.

        Raises:
            PermissionDenied: NOT_INVOLVED.
            InvalidInput: VALIDATION_FAILED, scores that are no JSON object.
            NotFound: DELIVERABLE_NOT_FOUND.
            AlreadyExists: REVIEW_EXISTS.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> Review | None:
            made_before = await self._reviews.made_by(caller.agent_id, task_id, key) if key else None
            if made_before is not None:
                return made_before
            self._roles.require_part_in_review(caller, task)
            _check_scores(new.scores)
            deliverable = await self._reviewed(task, new.deliverable_id)
            review = await self._draft(caller, task, deliverable, new, key)
            return review if await self._keep(caller, task, review) else None

        return await self._access.change(task_id, step)

    async def _reviewed(self, task: MarketTask, deliverable_id: int) -> Deliverable:
        find, newest = self._deliverables.find, self._deliverables.newest
        found = await (find(task.id, deliverable_id) if deliverable_id else newest(task.id))
        if found is None:
            raise deliverable_not_found(task.id, deliverable_id)
        return found

    async def _draft(
        self, caller: Caller, task: MarketTask, deliverable: Deliverable, new: NewReview, key: str | None
    ) -> Review:
        now = self._clock.now()
        return Review(
            id=await self._counters.next(COUNTER),
            task_id=task.id,
            deliverable_id=deliverable.id,
            agent_id=caller.agent_id,
            verdict=new.verdict,
            key_source=new.key_source,
            reviewed_at=new.reviewed_at or now,
            created_at=now,
            feedback=new.feedback,
            scores=new.scores,
            llm_model_used=new.llm_model_used,
            poster_reviews_used=_used(task, new.key_source),
            idempotency=key,
        )

    async def _keep(self, caller: Caller, task: MarketTask, review: Review) -> bool:
        changes = {"poster_reviews_used": review.poster_reviews_used, "poster_llm_key": self._keys.renewed(task)}
        data = {"review_id": review.id, "deliverable_id": review.deliverable_id, "verdict": review.verdict}
        event = MarketEvent("review.created", actor_of(caller), data)
        return await self._store.transition(task, changes, event, [self._reviews.insertion(review)]) is not None


def _used(task: MarketTask, key_source: str) -> int:
    """Return how many reviews the poster's key has paid for, with one more of that source."""
    used = task.poster_reviews_used + (key_source == POSTERS_KEY)
    return used if task.poster_max_reviews is None else min(used, max(task.poster_max_reviews, 0))


def _check_scores(scores: str) -> None:
    if not scores:
        return
    try:
        msgspec.json.decode(scores, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeEncodeError, RecursionError) as error:
        raise not_an_object("scores_json") from error
