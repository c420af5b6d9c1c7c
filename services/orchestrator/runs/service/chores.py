"""What follows from a change of a run: steps lie on their queues, the ledger and the thread hear of the end.

Each is done at once by whoever made the change, and again by a loop when that was interrupted: all of it can be done
twice without harm.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import structlog
from msgspec.structs import replace

from kit.errors import DomainError, Unavailable
from services.orchestrator.runs.documents import has_open_end
from services.orchestrator.runs.model import ABANDONED, CREATING, QUEUED, Run, RunEvent, Step
from services.orchestrator.runs.service.ports import NewItem
from services.orchestrator.runs.steering import steered

if TYPE_CHECKING:
    from services.orchestrator.runs.service.access import RunAccess
    from services.orchestrator.runs.service.ports import Ledger, Threads, Work
    from services.orchestrator.runs.store.runs import RunStore

# A worker that says nothing for so long has lost its step: a database that changes its primary is not away for longer.
LEASE = timedelta(seconds=30)
# Until it has said something: most steps that a process has when it dies were taken just before.
FIRST_LEASE = timedelta(seconds=10)
REMOTE_LEASE = timedelta(seconds=300)
# Attempts of an item; the run counts those of the step by itself, and gives up long before.
_MAX_ATTEMPTS = 100
# What a registered agent can be told, about.
_REMOTE_TOKENS = 32_000
_MAX_REMEMBERED = 4096
_log = structlog.get_logger(__name__)


class Ticket(msgspec.Struct, frozen=True):
    """What a worker reads of a step on a queue."""

    run_id: str
    step_id: str
    question: str = ""


class Chores:
    """Does what a run still owes others.

    Args:
        access: changes runs.
        store: removes those that never began.
        work: the queues.
        ledger: money and plans.
        threads: conversations.
    """

    def __init__(self, access: RunAccess, store: RunStore, work: Work, ledger: Ledger, threads: Threads) -> None:
        self._access = access
        self._store = store
        self._work = work
        self._ledger = ledger
        self._threads = threads
        self._bells: list[Callable[[Run, int], None]] = []
        # Items that were put on their queues from here: while other steps of a run end, they need not be again.
        self._queued: OrderedDict[str, None] = OrderedDict()

    def on_queued(self, bell: Callable[[Run, int], None]) -> None:
        """Call `bell` with a run and how many of its steps can be taken now; it must be quick and not raise."""
        self._bells.append(bell)

    async def carry_out(self, run: Run, *, surely: bool = False) -> Run:
        """Do what is to be done; `surely` puts also those steps on their queues that were put there from here.

        Raises:
            Unavailable: a service does not answer; a loop tries again.
        """
        if not has_open_end(run):
            return run
        if run.status in (CREATING, ABANDONED):
            await self.abandon(run.id)
            return run
        if not run.is_over:
            await self._enqueue(run, surely=surely)
            return run
        return await self._close(run)

    async def carry_out_soon(self, run: Run) -> Run:
        """Do what is to be done; what cannot be done now is done later."""
        try:
            return await self.carry_out(run)
        except DomainError as error:
            _log.warning("a run goes on later", run_id=run.id, reason=error.reason)
            return run

    async def abandon(self, run_id: str) -> None:
        """Undo what was begun for a run that did not begin, and remove it."""

        def give_up(run: Run) -> tuple[Run, RunEvent | None] | None:
            return (replace(run, status=ABANDONED), None) if run.status == CREATING else None

        await self._access.change(run_id, give_up)
        run = await self._store.find(run_id)
        if run is not None and run.status == ABANDONED:
            await self.undo(run)
            await self._store.remove(run)

    async def abandon_soon(self, run_id: str) -> None:
        """Undo what was begun; what cannot be undone now is undone later."""
        try:
            await self.abandon(run_id)
        except Unavailable as error:
            _log.warning("a run that did not begin is undone later", run_id=run_id, reason=error.reason)

    async def undo(self, run: Run) -> None:
        """Give back what a run that did not begin holds."""
        if run.thread_id:
            await self._threads.cancel(run)
        if run.limit:
            await self._ledger.settle(run)
        await self._ledger.uncount(run)

    async def _enqueue(self, run: Run, *, surely: bool) -> None:
        steps = [step for step in run.steps if step.state == QUEUED and (surely or step.item_id not in self._queued)]
        await self._work.enqueue([_item(run, step) for step in steps])
        self._queued.update((step.item_id, None) for step in steps)
        while len(self._queued) > _MAX_REMEMBERED:
            self._queued.popitem(last=False)
        count = sum(not step.agent_id for step in steps)
        for bell in self._bells if count else ():
            bell(run, count)

    async def _close(self, run: Run) -> Run:
        """Tell ledger and thread; the ledger only when the last worker has said what its call cost."""
        done: dict[str, bool] = {}
        if not run.told:
            if run.thread_id:
                await self._threads.finish(run)
            done["told"] = True
        if not run.settled and not run.reserved:
            if run.limit:
                await self._ledger.settle(run)
            done["settled"] = True
        if not done:
            return run
        closed = await self._access.change(run.id, lambda current: (replace(current, **done), None))
        return closed or run


def _item(run: Run, step: Step) -> NewItem:
    remote = bool(step.agent_id)
    ticket = Ticket(run.id, step.id, step.question + steered(run, _REMOTE_TOKENS) if remote else "")
    return NewItem(
        step.item_id,
        f"agent:{step.agent_id}" if remote else f"pool:llm.{run.operator_id}",
        step.owner if remote else run.operator_id,
        msgspec.json.encode(ticket).decode(),
        3 if remote else _MAX_ATTEMPTS,
        REMOTE_LEASE if remote else FIRST_LEASE,
    )
