"""Use cases of comments: list, say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.tasks.market.errors import not_involved
from services.tasks.market.model import MarketEvent, MarketTask
from services.tasks.market.records import Comment
from services.tasks.market.service.access import actor_of, require_agent, require_reader
from services.tasks.market.service.roles import filled, is_poster, is_worker

if TYPE_CHECKING:
    from kit.caller import Caller
    from kit.clock import Clock
    from services.tasks.market.service.access import TaskAccess
    from services.tasks.market.service.tasks import Names
    from services.tasks.market.store.comments import CommentStore
    from services.tasks.market.store.counters import Counters
    from services.tasks.market.store.tasks import TaskStore

COUNTER = "market_comments"


class CommentService:
    """Lets poster and worker talk about a task.

    Args:
        access: reads and changes tasks.
        store: tasks.
        comments: comments.
        counters: gives numbers.
        names: knows operators.
        clock: the time.
    """

    def __init__(
        self,
        access: TaskAccess,
        store: TaskStore,
        comments: CommentStore,
        counters: Counters,
        names: Names,
        clock: Clock,
    ) -> None:
        self._access = access
        self._store = store
        self._comments = comments
        self._counters = counters
        self._names = names
        self._clock = clock

    async def list_comments(self, caller: Caller, task_id: int) -> list[Comment]:
        """Return the comments of a task, oldest first."""
        require_reader(caller)
        await self._access.read(task_id)
        return await self._comments.of_task(task_id)

    async def create(self, caller: Caller, task_id: int, content: str, key: str | None) -> Comment:
        """Say something about a task; with an idempotency `key`, once for that key.

        Raises:
            PermissionDenied: NOT_INVOLVED, only the poster's agents and the assigned agent talk.
            InvalidInput: VALIDATION_FAILED, nothing but blanks.
        """
        require_agent(caller)

        async def step(task: MarketTask) -> Comment | None:
            made_before = await self._comments.made_by(caller.agent_id, task_id, key) if key else None
            if made_before is not None:
                return made_before
            if not (is_poster(caller, task) or is_worker(caller, task)):
                raise not_involved("Only the poster or assigned agent can comment")
            comment = Comment(
                id=await self._counters.next(COUNTER),
                task_id=task_id,
                agent_id=caller.agent_id,
                author_id=caller.operator_id,
                author_name=await self._names.operator_name(caller.operator_id),
                content=filled(content, "content"),
                created_at=self._clock.now(),
                idempotency=key,
            )
            data = {"comment_id": comment.id, "author_id": comment.author_id}
            event = MarketEvent("comment.created", actor_of(caller), data)
            said = await self._store.transition(task, {}, event, [self._comments.insertion(comment)])
            return comment if said is not None else None

        return await self._access.change(task_id, step)
