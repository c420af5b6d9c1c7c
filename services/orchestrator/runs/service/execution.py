"""One step in the hands of this worker, from its lease to its outcome.

The outcome goes into the run first and the item leaves its queue after it: a crash in between costs a look, not a call.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
import structlog

from kit.background import end
from kit.errors import DomainError
from services.orchestrator.runs.model import Run, RunEvent
from services.orchestrator.runs.progress import Hold, Usage, held, put_back, start, stop, told
from services.orchestrator.runs.service.chores import FIRST_LEASE, LEASE, Ticket

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.runs.service.access import RunAccess
    from services.orchestrator.runs.service.chores import Chores
    from services.orchestrator.runs.service.conversation import Talks
    from services.orchestrator.runs.service.ports import Leased, Work
    from services.orchestrator.runs.service.stops import Stops

_log = structlog.get_logger(__name__)
_BEAT_SECONDS = LEASE.total_seconds() / 3
_FIRST_BEAT_SECONDS = FIRST_LEASE.total_seconds() / 3
# Shorter than `end` waits before it cancels a worker's steps again, which would cut this short.
_RELEASE_SECONDS = 1.5


class Executor:
    """Works on steps.

    Args:
        access: reads and changes runs.
        chores: does what follows from a change.
        work: the queues.
        talks: talks to models.
        stops: tells when a run is over.
        clock: the time.
        holder: names this worker.
        beat_seconds: how often a lease is renewed.
    """

    def __init__(
        self,
        access: RunAccess,
        chores: Chores,
        work: Work,
        talks: Talks,
        stops: Stops,
        clock: Clock,
        holder: str,
        *,
        beat_seconds: float = _BEAT_SECONDS,
    ) -> None:
        self._access = access
        self._chores = chores
        self._work = work
        self._talks = talks
        self._stops = stops
        self._clock = clock
        self._holder = holder
        self._beat_seconds = beat_seconds

    async def execute(self, leased: Leased) -> bool:
        """Work on a step until it has an outcome, is not needed any more, or is somebody else's.

        Returns:
            Whether it was needed at all: steps of runs that were cancelled stay on their queue until somebody looks.
        """
        ticket = msgspec.json.decode(leased.payload_json, type=Ticket)
        hold = Hold(ticket.step_id, leased.item_id, leased.token, self._holder)
        now = self._clock.now()

        def begin(run: Run) -> tuple[Run, RunEvent] | None:
            begun = start(run, hold, now)
            return None if begun is None else (begun, told(begun, hold, "step.started"))

        run = await self._access.change(ticket.run_id, begin)
        if run is None:
            await self._drop(ticket.run_id, leased, hold)
            return False
        step = run.step(hold.step_id)
        if step is None or step.is_over:
            await self._end(run, leased)
        else:
            await self._hold_on(run, leased, hold)
        return True

    async def _hold_on(self, run: Run, leased: Leased, hold: Hold) -> None:
        """Talk to the model, as long as the step is needed and the lease holds."""
        talk = self._talks.open(run, hold)
        talking = asyncio.create_task(talk.hold())
        with self._stops.of(run.id) as stopped:
            keeping = asyncio.create_task(self._keep(run.id, leased, stopped))
            try:
                await asyncio.wait({talking, keeping}, return_when=asyncio.FIRST_COMPLETED)
            except asyncio.CancelledError:
                await end([talking, keeping])
                await self._release(run.id, leased, hold, talk.interrupted())
                raise
            finally:
                if not talking.done():
                    await end([talking])
                await end([keeping])
        if talking.cancelled():
            await self._stop(run.id, leased, hold, talk.interrupted())
            return
        talking.result()
        outcomes = talk.outcomes
        if outcomes.after is None:
            await self._drop(run.id, leased, hold)
        elif outcomes.wait is not None:
            await self._work.put_back(leased, "the model is not available", outcomes.wait)
        else:
            await self._end(outcomes.after, leased)

    async def _keep(self, run_id: str, leased: Leased, stopped: asyncio.Event) -> None:
        """Renew the lease; returns when the run is over or the lease is lost."""
        beat_seconds = min(self._beat_seconds, _FIRST_BEAT_SECONDS)
        while True:
            try:
                async with asyncio.timeout(beat_seconds):
                    await stopped.wait()
            except TimeoutError:
                try:
                    leased = await self._work.extend(leased, self._clock.now() + LEASE)
                    beat_seconds = self._beat_seconds
                except DomainError as error:
                    if error.code in ("ABORTED", "FAILED_PRECONDITION", "NOT_FOUND"):
                        return
            stopped.clear()
            if await self._is_over(run_id):
                return

    async def _is_over(self, run_id: str) -> bool:
        try:
            run = await self._access.find(run_id)
        except DomainError:
            return False  # nobody knows now; the next beat asks again
        return run is None or run.is_over

    async def _end(self, run: Run, leased: Leased) -> None:
        """Let the run go on first, then take the item off its queue."""
        await self._chores.carry_out_soon(run)
        await self._work.complete(leased, "done")

    async def _stop(self, run_id: str, leased: Leased, hold: Hold, usage: Usage) -> None:
        """Let go of a step. One that still has to be done stays on its queue: whoever leases it next goes on."""
        run = await self._access.change(run_id, lambda current: _silently(stop(current, hold, usage), hold))
        if run is not None:
            await self._chores.carry_out_soon(run)
        else:
            run = await self._access.find(run_id)
        if run is None or held(run, hold) is None:
            await self._work.complete(leased, "not needed any more")

    async def _drop(self, run_id: str, leased: Leased, hold: Hold) -> None:
        """Take a step off its queue that is not needed any more; what its last worker had set aside is settled."""
        await self._stop(run_id, leased, hold, Usage())

    async def _release(self, run_id: str, leased: Leased, hold: Hold, usage: Usage) -> None:
        """Give a step back, because this process stops: another one goes on at once."""
        now = self._clock.now()
        try:
            async with asyncio.timeout(_RELEASE_SECONDS):
                await self._access.change(
                    run_id,
                    lambda run: _silently(put_back(run, hold, "", usage, now, timedelta(), counts=False), hold),
                )
                await self._work.put_back(leased, "the worker stopped", timedelta())
        except (DomainError, TimeoutError) as error:
            _log.warning("a step is given back when its lease ends", run_id=run_id, error=repr(error))


def _silently(run: Run | None, hold: Hold) -> tuple[Run, RunEvent | None] | None:
    return None if run is None else (run, RunEvent("run.message", hold.step_id))
