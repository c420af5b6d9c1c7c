"""The workers of this process: they take steps from the queues of all operators, each in its turn."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from kit.background import end
from kit.errors import DomainError
from services.orchestrator.runs.service.demand import Demand, FairShare
from services.orchestrator.runs.service.ports import Leased

if TYPE_CHECKING:
    from services.orchestrator.runs.model import Run
    from services.orchestrator.runs.service.desk import Desk
    from services.orchestrator.runs.service.execution import Executor
    from services.orchestrator.runs.service.ports import Work
    from services.orchestrator.runs.store.runs import RunStore

SLOTS = 32
LOOK_SECONDS = 1.0
SWEEP_LOOKS = 10
_PAUSE_SECONDS = 0.5
_BEHIND_A_DROPPED_STEP = 2
_log = structlog.get_logger(__name__)


class Worker:
    """Takes steps and has them done, so many at a time.

    Args:
        store: knows whose steps wait.
        work: the queues.
        executor: works on a step.
        holder: names this worker.
        desk: tells how many steps wait for an answer.
        slots: how many steps at a time; half of them may need the processor, for the more do, the longer each takes,
            and an operator with one step at a time would wait behind all those of others.
        look_seconds: how often to look for steps that nobody told this process of.
    """

    def __init__(
        self,
        store: RunStore,
        work: Work,
        executor: Executor,
        holder: str,
        desk: Desk,
        *,
        slots: int = SLOTS,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self._store = store
        self._work = work
        self._executor = executor
        self._holder = holder
        self._slots = slots
        self._look_seconds = look_seconds
        # What an operator can miss while its own steps are under way: as many as there are places.
        self._share = FairShare(credit=slots)
        self._bell = asyncio.Event()
        self._desk = desk
        desk.on_leave(self._bell.set)
        self._tasks: set[asyncio.Task[None]] = set()
        self._looks = 0
        self._look_at = 0.0
        self._heard: list[Demand] | None = None
        self._has_taken_up = False

    @property
    def busy(self) -> int:
        """How many steps are being worked on."""
        return len(self._tasks)

    def ring(self, run: Run, steps: int) -> None:
        """Say that steps of a run wait."""
        self.hear(Demand(run.operator_id, steps, run.weight))

    def hear(self, demand: Demand) -> None:
        """Note steps that wait."""
        self._share.add(demand)
        if self._heard is not None:
            self._heard.append(demand)
        self._bell.set()

    async def run(self) -> None:
        """Work until cancelled; then the steps under way are given back."""
        try:
            while True:
                try:
                    await self._take_up()
                    await self._turn()
                except DomainError as error:
                    _log.warning("steps cannot be taken now", reason=error.reason)
                    await asyncio.sleep(_PAUSE_SECONDS)
        finally:
            await end(self._tasks)

    async def _take_up(self) -> None:
        """Give back, once, what a worker of this name had in its hands when it died: nobody waits for its leases."""
        if self._has_taken_up:
            return
        for run in await self._store.in_hands(self._holder):
            for step in run.steps:
                if step.holder == self._holder:
                    lost = Leased(step.item_id, step.token, "", run.updated_at)
                    await self._work.put_back(lost, "the worker died", timedelta())
        self._has_taken_up = True

    async def look(self) -> None:
        """Find out whose steps wait; now and then also whose workers may have died."""
        self._heard = []
        waiting = {demand.operator_id: demand for demand in await self._store.demand()}
        if self._looks % SWEEP_LOOKS == 0:
            for demand in await self._store.interrupted():
                waiting.setdefault(demand.operator_id, demand)
        self._looks += 1
        self._share.set(list(waiting.values()))
        # What was heard meanwhile may be newer: counted twice it costs a question, forgotten a wait.
        for demand in self._heard or ():
            self._share.add(demand)
        self._heard = None

    async def _turn(self) -> None:
        """Hand out what there is, then wait for more."""
        clock = asyncio.get_running_loop().time
        while self._free() > 0:
            # Also when the bell never rests: nobody rings for steps that are tried again, or whose worker has died.
            if clock() >= self._look_at:
                self._look_at = clock() + self._look_seconds
                await self.look()
            operator_id = self._share.next()
            if operator_id is None:
                break
            await self._take(operator_id)
        is_full = self._free() <= 0
        self._bell.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(None if is_full else self._look_at):
                await self._bell.wait()

    async def _take(self, operator_id: int) -> None:
        """Take steps of one operator, no more than its share of what is free."""
        free = self._free()
        share = max(1, free // max(1, self._share.operators))
        known = self._share.waiting(operator_id)
        leased = await self._work.lease(operator_id, self._holder, min(share, known, free))
        self._share.took(operator_id, len(leased), known)
        for each in leased:
            task = asyncio.create_task(self._execute(operator_id, each))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    def _free(self) -> int:
        """Return how many steps may be taken now."""
        taken = len(self._tasks)
        at_work = taken - self._desk.away
        return min(self._slots - taken, (self._slots + 1) // 2 - at_work)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._bell.set()

    async def _execute(self, operator_id: int, leased: Leased) -> None:
        try:
            if not await self._executor.execute(leased):
                # In its place another step waits; behind one that nobody needs there are often more of them.
                self.hear(Demand(operator_id, _BEHIND_A_DROPPED_STEP, 0))
        except DomainError as error:
            _log.warning("a step goes on when its lease has run out", item_id=leased.item_id, reason=error.reason)
        except Exception:  # noqa: BLE001 - logged with its stack; the attempts of the step bound how often
            _log.exception("a step broke", item_id=leased.item_id)
