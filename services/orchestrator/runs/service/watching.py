"""What happens in a run, as it is watched: replay, then live, until the run is over."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from kit.caller import READ, Caller
from kit.events.model import AHEAD, Event, Gap
from services.orchestrator.runs.model import COMPLETED, Run

if TYPE_CHECKING:
    from kit.clock import Clock
    from kit.events.tail import EventTail
    from services.orchestrator.runs.service.access import RunAccess
    from services.orchestrator.runs.store.runs import RunStore

# No event takes so long to be told.
_FORGOTTEN = timedelta(minutes=10)


class Moment(msgspec.Struct, frozen=True):
    """Something that happened; `run` is not set where only text was added."""

    seq: int
    type: str
    at: datetime
    run: Run | None = None
    step_id: str = ""
    delta: str = ""


class RunWatch:
    """Lets callers watch runs.

    Args:
        access: reads runs.
        store: knows the numbers of events.
        tail: follows the events.
        clock: the time.
    """

    def __init__(self, access: RunAccess, store: RunStore, tail: EventTail, clock: Clock) -> None:
        self._clock = clock
        self._access = access
        self._store = store
        self._tail = tail

    async def watch(self, caller: Caller, run_id: str, after_seq: int | None) -> AsyncGenerator[Moment, None]:
        """Yield what happens, the current position first.

        Raises:
            NotFound: RUN_NOT_FOUND.
        """
        run = await self._access.read(caller, READ, run_id)
        position = await self._tail.position()
        yield Moment(position, "position", run.updated_at, run)
        if run.is_over:
            ended = await self._store.event_seq(run, run.ended_version)
            if 0 < ended <= (after_seq or 0):
                return
            if not ended and run.updated_at < self._clock.now() - _FORGOTTEN:
                # Events are not kept as long as runs: how it ended is all that there is to tell.
                yield Moment(position, f"run.{run.status}", run.updated_at, run)
                return
        async with contextlib.aclosing(self._tail.subscribe([f"run:{run_id}"], after_seq or 0)) as items:
            async for moment in self._moments(run, items):
                yield moment
                if moment.run is not None and moment.run.is_over:
                    return

    async def _moments(self, run: Run, items: AsyncIterator[Event | Gap]) -> AsyncIterator[Moment]:
        async for item in items:
            if isinstance(item, Gap):
                # Older than what is kept, or lost: how the run is now stands for all of it.
                now = await self._access.find(run.id) or run
                seq = item.from_seq - 1 if item.reason == AHEAD else item.to_seq
                over = now.is_over and not await self._store.event_seq(now, now.ended_version)
                yield Moment(seq, f"run.{now.status}" if over else "run.message", now.updated_at, now if over else None)
                continue
            step_id, delta = str(item.data.get("step_id", "")), str(item.data.get("delta", ""))
            shown = await self._shown(run, item, step_id) if "run" in item.data else None
            yield Moment(item.seq, item.type, item.at, shown, step_id, delta)

    async def _shown(self, run: Run, event: Event, step_id: str) -> Run:
        """Return the run after an event: what the event says, and what never changes from the run itself."""
        told = msgspec.convert(event.data["run"], Run)
        merged = replace(
            told,
            prompt=run.prompt,
            options_json=run.options_json,
            file_ids=run.file_ids,
        )
        step = merged.step(step_id)
        left_out = merged.status == COMPLETED and not merged.result
        if left_out or (step is not None and step.state == COMPLETED and not step.result):
            # Too large for an event; results never change.
            full = await self._access.find(run.id)
            if full is not None:
                merged = _with_results(merged, full, step_id)
        return merged


def _with_results(run: Run, full: Run, step_id: str) -> Run:
    result = full.result if run.status == COMPLETED else run.result
    run = replace(run, result=result)
    step, known = run.step(step_id), full.step(step_id)
    if step is None or known is None or step.state != COMPLETED:
        return run
    return run.with_steps([replace(step, result=known.result)])
