"""Every change of an item that exists: read, decide, write if nobody was faster, else again.

Changes of one turn of the event loop share one read and one write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from services.tasks.work.errors import changed_too_often, item_not_found
from services.tasks.work.model import DELETED, QUEUED, Transition, WorkItem

if TYPE_CHECKING:
    from services.tasks.work.doorbell import Doorbell
    from services.tasks.work.store import WorkStore

_MAX_TRIES = 8

Decision = Callable[[WorkItem], Transition | None]


class WorkChanges:
    """Changes items and rings for those that can be leased again.

    Args:
        store: the work items.
        doorbell: wakes waiting workers.
    """

    def __init__(self, store: WorkStore, doorbell: Doorbell) -> None:
        self._store = store
        self._doorbell = doorbell

    async def change(self, item_id: str, decide: Decision, known: WorkItem | None = None) -> WorkItem:
        """Change one item.

        Args:
            item_id: the item.
            decide: returns the step to take from the item as it is, None to leave it, or raises why not.
            known: the item as it was read a moment ago, to save the first read.

        Returns:
            The item as it is then.

        Raises:
            NotFound: ITEM_NOT_FOUND.
            Conflict: TOO_MUCH_CONTENTION, or what `decide` raises.
        """
        item = known
        for _ in range(_MAX_TRIES):
            item = item or await self._store.read(item_id)
            if item is None or item.state == DELETED:
                raise item_not_found(item_id)
            step = decide(item)
            if step is None:
                return item
            if await self._store.apply(step):
                self._ring([step])
                return step.after
            item = None
        raise changed_too_often(item_id)

    async def apply_many(self, steps: Sequence[Transition]) -> Sequence[bool]:
        """Write steps that leave a proof, once; tells for each whether it landed."""
        landed = await self._store.apply_many(steps)
        self._ring([step for step, ok in zip(steps, landed, strict=True) if ok])
        return landed

    def _ring(self, steps: Sequence[Transition]) -> None:
        for step in steps:
            after = step.after
            if after.state == QUEUED and step.before.state != QUEUED:
                wait = (after.available_at - after.updated_at).total_seconds()
                if wait > 0:
                    self._doorbell.ring_after(after.queue, wait)
                else:
                    self._doorbell.ring(after.queue, 1)
