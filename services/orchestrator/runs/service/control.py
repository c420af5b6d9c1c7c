"""What operators do with runs: read them, end them, answer their questions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from kit.caller import READ, WRITE, Caller
from kit.ids import new_id
from kit.pages import clamp_limit, decode_cursor, encode_cursor
from services.orchestrator.access import operator_of
from services.orchestrator.runs.approvals import answer_text
from services.orchestrator.runs.errors import not_awaiting_approval, run_not_found
from services.orchestrator.runs.flow import STOPPED, end
from services.orchestrator.runs.model import CANCELED, Run, RunEvent, Steering
from services.orchestrator.runs.places import Place
from services.orchestrator.runs.progress import answer
from services.orchestrator.runs.service.access import actor_of
from services.orchestrator.runs.steering import STEERED, steer

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.runs.service.access import RunAccess
    from services.orchestrator.runs.service.chores import Chores
    from services.orchestrator.runs.service.stops import Stops
    from services.orchestrator.runs.store.runs import RunStore

_PAGE, _LARGEST_PAGE = 20, 100
_LISTED_CHARACTERS = 16_384


class RunService:
    """Reads and steers runs.

    Args:
        access: reads and changes runs.
        store: lists them.
        chores: does what follows from a change.
        stops: tells workers.
        clock: the time.
    """

    def __init__(self, access: RunAccess, store: RunStore, chores: Chores, stops: Stops, clock: Clock) -> None:
        self._access = access
        self._store = store
        self._chores = chores
        self._stops = stops
        self._clock = clock

    async def get(self, caller: Caller, run_id: str) -> Run:
        """Return a run.

        Raises:
            NotFound: RUN_NOT_FOUND.
        """
        return await self._access.read(caller, READ, run_id)

    async def page(self, caller: Caller, *, active: bool, limit: int, cursor: str) -> tuple[list[Run], str]:
        """Return runs of the caller's operator, newest first, and where the page ends.

        Raises:
            InvalidInput: CURSOR_INVALID.
        """
        operator_id = operator_of(caller, READ)
        scope = f"runs:{operator_id}:{active}"
        after = decode_cursor(cursor, Place, scope) if cursor else None
        size = clamp_limit(limit or None, default=_PAGE, largest=_LARGEST_PAGE)
        found = await self._store.page(operator_id, active=active, after=after, limit=size + 1)
        # A hundred long answers would not fit into a message; the whole ones are in the runs.
        runs = [replace(run, result=run.result[:_LISTED_CHARACTERS]) for run in found]
        if len(runs) <= size:
            return runs, ""
        last = runs[size - 1]
        return runs[:size], encode_cursor(Place(last.created_at, last.id), scope)

    async def cancel(self, caller: Caller, run_id: str) -> Run:
        """End a run; one that is over stays as it is.

        Raises:
            NotFound: RUN_NOT_FOUND.
        """
        known = await self._access.read(caller, WRITE, run_id)
        now, actor = self._clock.now(), actor_of(caller)

        def decide(run: Run) -> tuple[Run, RunEvent] | None:
            if run.is_over:
                return None
            return end(run, CANCELED, now, error=STOPPED), RunEvent("run.canceled", actor=actor)

        canceled = await self._access.change(run_id, decide)
        if canceled is None:
            return await self._store.find(run_id) or known
        self._stops.tell(run_id)
        return await self._chores.carry_out_soon(canceled)

    async def steer(self, caller: Caller, run_id: str, text: str, key: str | None) -> Run:
        """Say something to a run under way; with an idempotency `key`, once. Steps that have not asked yet hear of it.

        Raises:
            NotFound: RUN_NOT_FOUND.
            WrongState: NOT_ACTIVE, TOO_MANY_INPUTS.
        """
        known = await self._access.read(caller, WRITE, run_id)
        said = Steering(text, self._clock.now(), actor_of(caller), key)

        def decide(run: Run) -> tuple[Run, RunEvent] | None:
            after = steer(run, said)
            return None if after is None else (after, RunEvent(STEERED, actor=said.actor))

        return await self._access.change(run_id, decide) or await self._store.find(run_id) or known

    async def answer(self, caller: Caller, run_id: str, text: str, *, approved: bool) -> Run:
        """Answer the step that asks.

        Raises:
            NotFound: RUN_NOT_FOUND.
            WrongState: NOT_AWAITING_APPROVAL.
        """
        await self._access.read(caller, WRITE, run_id)
        now, said, item_id = self._clock.now(), answer_text(text, approved=approved), new_id()

        def decide(run: Run) -> tuple[Run, RunEvent]:
            step = run.asking
            if run.is_over or step is None:
                raise not_awaiting_approval(run_id)
            return answer(run, said, item_id, now), RunEvent("step.progress", step.id, actor_of(caller))

        answered = await self._access.change(run_id, decide)
        if answered is None:
            raise run_not_found(run_id)
        return await self._chores.carry_out_soon(answered)
