"""The way to runs for every use case: how a run is read, and how it is changed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

from kit.caller import Caller
from services.orchestrator.access import operator_of
from services.orchestrator.runs.errors import busy, run_not_found
from services.orchestrator.runs.model import ABANDONED, CREATING, Run, RunEvent
from services.orchestrator.runs.service.turns import Turns

if TYPE_CHECKING:
    from services.orchestrator.runs.store.runs import RunStore

_MAX_TRIES = 30
_MAX_REMEMBERED = 256
# Larger runs are read again: what is remembered stays small.
_MAX_REMEMBERED_CHARS = 100_000

# Takes a run, returns it changed and what to tell of it; None when there is nothing to change. May raise a refusal.
Decision = Callable[[Run], tuple[Run, RunEvent | None] | None]


def actor_of(caller: Caller) -> str:
    """Return what events call the caller."""
    return f"agent:{caller.agent_id}" if caller.agent_id else f"{caller.kind}:{caller.operator_id or caller.name}"


class RunAccess:
    """Reads and changes runs.

    Args:
        store: runs.
        note: is told of every change made here.
    """

    def __init__(self, store: RunStore, note: Callable[[Run, RunEvent | None], None]) -> None:
        self._store = store
        self._note = note
        self._turns = Turns()
        self._known: OrderedDict[str, Run] = OrderedDict()

    async def find(self, run_id: str) -> Run | None:
        """Return a run, whatever its status."""
        return await self._store.find(run_id)

    async def read(self, caller: Caller, scope: str, run_id: str) -> Run:
        """Return a run of the caller's operator.

        Raises:
            Unauthenticated, PermissionDenied: SCOPE_MISSING.
            NotFound: RUN_NOT_FOUND.
        """
        operator_id = operator_of(caller, scope)
        run = await self._store.find(run_id)
        if run is None or run.status in (CREATING, ABANDONED) or run.operator_id != operator_id:
            raise run_not_found(run_id)
        return run

    async def change(self, run_id: str, decide: Decision) -> Run | None:
        """Change a run: read it, decide, and write, again until nobody else came between.

        Returns:
            The run after it; None when `decide` found nothing to change, or there is no such run.

        Raises:
            Conflict: RUN_BUSY, others were faster again and again.
        """
        async with self._turns.of(run_id):
            # What was written here last is most likely still so; only a refusal has to be sure.
            known = self._known.get(run_id)
            if known is not None and (changed := await self._try(known, decide)) is not None:
                return changed
            for _ in range(_MAX_TRIES):
                run = await self._store.find(run_id)
                decided = decide(run) if run is not None else None
                if run is None or decided is None:
                    return None
                changed = await self._store.transition(run, *decided)
                if changed is not None:
                    self._note(changed, decided[1])
                    self.remember(changed)
                    return changed
        raise busy(run_id)

    def remember(self, run: Run) -> None:
        """Note what was written just now, so that the next change need not read it."""
        size = len(run.prompt) + len(run.result) + sum(len(step.result) + len(step.question) for step in run.steps)
        size += sum(len(said.input) for said in run.steering)
        self._known.pop(run.id, None)
        if run.is_over or size > _MAX_REMEMBERED_CHARS:
            return
        self._known[run.id] = run
        if len(self._known) > _MAX_REMEMBERED:
            self._known.popitem(last=False)

    async def _try(self, known: Run, decide: Decision) -> Run | None:
        try:
            decided = decide(known)
        except Exception:  # noqa: BLE001 - decided again on what is read anew, and raised there
            decided = None
        changed = await self._store.transition(known, *decided) if decided is not None else None
        if changed is None or decided is None:
            self._known.pop(known.id, None)
            return None
        self._note(changed, decided[1])
        self.remember(changed)
        return changed
