"""Every change of an item that exists: read, decide, write if nobody was faster, else again.

Changes of one turn of the event loop share one read and one write. Items that this replica has written lately are
remembered, so that the outcome of a task leased here needs no read: the write is guarded by the item's version, and a
refusal is believed only of an item that was read just now.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from kit.errors import DomainError
from services.tasks.work.errors import changed_too_often, item_not_found
from services.tasks.work.model import DELETED, LEASED, Transition, WorkItem
from services.tasks.work.weight import weight

if TYPE_CHECKING:
    from services.tasks.work.doorbell import Doorbell
    from services.tasks.work.store import WorkStore

_MAX_TRIES = 8
_MAX_REMEMBERED = 4096
# Larger items are read again: what is remembered stays under 64 MiB.
_MAX_REMEMBERED_BYTES = 16_384

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
        self._leased: OrderedDict[str, WorkItem] = OrderedDict()
        self._observers: list[Callable[[Transition], None]] = []

    def on_step(self, observer: Callable[[Transition], None]) -> None:
        """Call `observer` with every step that this replica has written; it must be quick and not raise."""
        self._observers.append(observer)

    def recall(self, item_id: str) -> WorkItem | None:
        """Return an item as it was when this replica leased it, None when it is not remembered."""
        return self._leased.get(item_id)

    async def find(self, item_id: str) -> WorkItem | None:
        """Return an item as it is, or as it was when this replica leased it; its queue and owner never change."""
        return self._leased.get(item_id) or await self._store.read(item_id)

    async def change(self, item_id: str, decide: Decision) -> WorkItem:
        """Change one item.

        Args:
            item_id: the item.
            decide: returns the step to take from the item as it is, None to leave it, or raises why not.

        Returns:
            The item as it is then.

        Raises:
            NotFound: ITEM_NOT_FOUND.
            Conflict: TOO_MUCH_CONTENTION, or what `decide` raises.
            DuplicateItem: a unique index refused the change.
        """
        remembered = self._leased.get(item_id)
        if remembered is not None:
            changed = await self._try(remembered, decide)
            if changed is not None:
                return changed
        for _ in range(_MAX_TRIES):
            item = await self._store.read(item_id)
            if item is None or item.state == DELETED:
                raise item_not_found(item_id)
            step = decide(item)
            if step is None:
                return item
            if await self._write(step):
                return step.after
        raise changed_too_often(item_id)

    async def change_remembered(self, wishes: Sequence[tuple[WorkItem, Decision]]) -> list[WorkItem | None]:
        """Change items as they are remembered, in one write; they have to leave a proof.

        Args:
            wishes: items that `recall` returned, and what to do with each.

        Returns:
            Each item as it is then; None when it has to be looked at first, and `change` does that.
        """
        steps = [self._step(item, decide) for item, decide in wishes]
        landed = iter(await self.apply_many([step for step in steps if step is not None]))
        changed = [step.after if step is not None and next(landed) else None for step in steps]
        for (item, _), after in zip(wishes, changed, strict=True):
            if after is None:
                self._leased.pop(item.id, None)
        return changed

    async def apply_many(self, steps: Sequence[Transition]) -> Sequence[bool]:
        """Write steps that leave a proof, once; tells for each whether it landed."""
        landed = await self._store.apply_many(steps)
        for step, ok in zip(steps, landed, strict=True):
            if ok:
                self._note(step)
        return landed

    async def _try(self, remembered: WorkItem, decide: Decision) -> WorkItem | None:
        """Take a step from an item as it is remembered; None when that may not be how it is."""
        step = self._step(remembered, decide)
        if step is not None and await self._write(step):
            return step.after
        self._leased.pop(remembered.id, None)
        return None

    def _step(self, remembered: WorkItem, decide: Decision) -> Transition | None:
        try:
            return decide(remembered)
        except DomainError:
            return None

    async def _write(self, step: Transition) -> bool:
        landed = await self._store.apply(step)
        if landed:
            self._note(step)
        return landed

    def _note(self, step: Transition) -> None:
        after = step.after
        for observer in self._observers:
            observer(step)
        if after.state == LEASED and weight(after) <= _MAX_REMEMBERED_BYTES:
            self._leased[after.id] = after
            if len(self._leased) > _MAX_REMEMBERED:
                self._leased.popitem(last=False)
            return
        self._leased.pop(after.id, None)
        if step.requeues:
            wait = (after.available_at - after.updated_at).total_seconds()
            if wait > 0:
                self._doorbell.ring_after(after.queue, after.operator_id, wait)
            else:
                self._doorbell.ring(after.queue, after.operator_id)
