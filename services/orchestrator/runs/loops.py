"""What runs do by themselves: go on where somebody stopped, end when their time is over, hear from remote agents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import structlog

from kit.background import every
from kit.errors import DomainError
from services.orchestrator.runs.flow import end
from services.orchestrator.runs.model import COMPLETED, Run, RunEvent

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.runs.service.access import RunAccess
    from services.orchestrator.runs.service.chores import Chores
    from services.orchestrator.runs.service.remote import RemoteSteps
    from services.orchestrator.runs.service.stops import Stops
    from services.orchestrator.runs.store.runs import RunStore

# Older than any call to another service can be.
OPEN_AGE = timedelta(seconds=10)
TOO_LONG = "The run took too long"
_log = structlog.get_logger(__name__)


class Caretaker:
    """Looks after runs. One replica does.

    Args:
        store: finds runs.
        access: reads and changes them.
        chores: does what a run still owes others.
        remote: asks how registered agents stand.
        stops: tells workers that a run is over.
        clock: the time.
        age: how old what is owed is before this takes it up.
        tick_seconds: how often to look.
    """

    def __init__(
        self,
        store: RunStore,
        access: RunAccess,
        chores: Chores,
        remote: RemoteSteps,
        stops: Stops,
        clock: Clock,
        *,
        age: timedelta = OPEN_AGE,
        tick_seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._access = access
        self._chores = chores
        self._remote = remote
        self._stops = stops
        self._clock = clock
        self._age = age
        self._tick_seconds = tick_seconds

    async def run(self) -> None:
        """Look for ever."""
        await every(self._tick_seconds, self.tick, "runs cannot be looked after now")

    async def tick(self) -> int:
        """Look once; returns how many runs were dealt with."""
        now = self._clock.now()
        overdue = await self._store.overdue(now)
        remote = await self._store.remote()
        owing = await self._store.open_ends(now - self._age)
        done = 0
        for found, act in ((overdue, self._expire), (remote, self._remote.look), (owing, self._go_on)):
            for run_id in found:
                done += await _one(run_id, act)
        return done

    async def _expire(self, run_id: str) -> None:
        now = self._clock.now()

        def decide(run: Run) -> tuple[Run, RunEvent] | None:
            if run.is_over or run.deadline_at > now:
                return None
            ended = end(run, COMPLETED, now, error=TOO_LONG, warning=f"{TOO_LONG}; this is what it had by then")
            return ended, RunEvent(f"run.{ended.status}")

        run = await self._access.change(run_id, decide)
        if run is not None:
            self._stops.tell(run_id)
            await self._chores.carry_out(run)

    async def _go_on(self, run_id: str) -> None:
        run = await self._access.find(run_id)
        if run is None:
            return
        await self._chores.carry_out(run, surely=True)
        if run.is_over:
            return
        queued = {step.id for step in run.steps if step.state == "queued"}
        # It is known to be there now; whoever takes it finds it, and this needs no second look.
        await self._access.change(run_id, lambda current: (_on_queue(current, queued), None))


def _on_queue(run: Run, step_ids: set[str]) -> Run:
    steps = [step for step in run.steps if step.id in step_ids]
    return run.with_steps([msgspec.structs.replace(step, on_queue=True) for step in steps])


async def _one(run_id: str, act: Callable[[str], Awaitable[None]]) -> int:
    """Deal with one run, whatever is wrong with another."""
    try:
        await act(run_id)
    except DomainError as error:
        _log.warning("a run is looked after later", run_id=run_id, reason=error.reason)
        return 0
    except Exception:  # noqa: BLE001 - logged with its stack, and tried again with the next look
        _log.exception("a run cannot be looked after", run_id=run_id)
        return 0
    return 1
