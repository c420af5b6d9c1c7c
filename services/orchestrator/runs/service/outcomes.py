"""Writes what became of an attempt, as long as its worker has the step."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from kit.errors import DomainError, Unavailable
from services.orchestrator.models.errors import PERMANENT
from services.orchestrator.runs.model import (
    DECOMPOSE,
    MAX_ATTEMPTS,
    VALIDATION,
    Approval,
    Run,
    RunEvent,
    Step,
    ToolCall,
    Turn,
)
from services.orchestrator.runs.progress import (
    Hold,
    Usage,
    ask,
    complete,
    exhaust,
    fail,
    make_way,
    note_call,
    put_back,
    told,
)
from services.orchestrator.runs.prompts import read_questions

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.runs.service.access import RunAccess

# Of steps that a run can do without, fewer.
_ATTEMPTS = {DECOMPOSE: 1, VALIDATION: 2}
_NONSENSE_ATTEMPTS = 2
_LONGEST_WAIT_SECONDS = 60.0
_FIRST_WAIT_SECONDS = 0.25


class Outcomes:
    """What becomes of one attempt.

    Args:
        access: changes runs.
        clock: the time.
        run_id: the run.
        hold: the worker's hold on the step.

    Attributes:
        after: the run after the last write; None when it came too late.
        wait: how long to wait before the step is tried again; None when it is not.
    """

    def __init__(self, access: RunAccess, clock: Clock, run_id: str, hold: Hold) -> None:
        self._access = access
        self._clock = clock
        self._run_id = run_id
        self._hold = hold
        self.after: Run | None = None
        self.wait: timedelta | None = None

    async def answered(self, run: Run, step: Step, text: str, usage: Usage) -> None:
        """Write the answer of the step."""
        questions = read_questions(run, text) if step.kind == DECOMPOSE else ()
        now = self._clock.now()
        await self._write("step.completed", lambda run: complete(run, self._hold, text, usage, now, questions))

    async def failed(self, run: Run, step: Step, error: DomainError, usage: Usage) -> None:
        """Write that a call failed: for good, or to be tried again when that may help."""
        hopeless = error.reason in PERMANENT or error.reason == "MODEL_TIMED_OUT" or not isinstance(error, Unavailable)
        # A model that answered nonsense has been paid for it, and most likely will again.
        most = _NONSENSE_ATTEMPTS if error.reason == "MODEL_ANSWER_INVALID" else MAX_ATTEMPTS
        if hopeless or step.attempts >= min(most, _ATTEMPTS.get(step.kind, most)):
            await self.gave_up(run, step, error.message, usage)
            return
        wait, now = _backoff(step.attempts, error.retry_after_seconds), self._clock.now()
        # A question of another step may have moved the deadline since this one began.
        latest = await self._access.find(run.id) or run
        if now + wait >= latest.deadline_at:
            await self.gave_up(run, step, error.message, usage)
            return
        await self._write("step.progress", lambda run: put_back(run, self._hold, error.message, usage, now, wait))
        self.wait = wait if self.after is not None else None

    async def gave_up(self, run: Run, step: Step, why: str, usage: Usage) -> None:
        """Write that the step failed for good; agents get questions all the same."""
        questions = read_questions(run, "") if step.kind == DECOMPOSE else ()
        now = self._clock.now()
        await self._write("step.failed", lambda run: fail(run, self._hold, why, usage, now, questions))

    async def spent(self) -> None:
        """Write that the budget has no room for a call."""
        now = self._clock.now()
        await self._write("step.failed", lambda run: exhaust(run, self._hold, Usage(), now))

    async def waits_for_room(self, turns: tuple[Turn, ...]) -> None:
        """Write that the step is tried again when other calls may have given back what they had set aside."""
        now = self._clock.now()

        def change(run: Run) -> Run | None:
            made = make_way(run, self._hold, turns, now)
            self.wait = made[1] if made is not None else None
            return made[0] if made is not None else None

        await self._write("step.progress", change)

    async def used(self, call: ToolCall, usage: Usage) -> Run | None:
        """Write that a tool was used; returns the run after it."""
        await self._write("step.progress", lambda run: note_call(run, self._hold, usage, call))
        return self.after

    async def asks(self, approval: Approval, turns: tuple[Turn, ...], usage: Usage) -> None:
        """Write that the step waits for its operator."""
        now = self._clock.now()
        kind = "run.awaiting_approval"
        await self._write(kind, lambda run: ask(run, self._hold, usage, approval, turns, now))

    async def _write(self, event_type: str, change: Callable[[Run], Run | None]) -> None:
        def decide(run: Run) -> tuple[Run, RunEvent] | None:
            after = change(run)
            return None if after is None else (after, told(after, self._hold, event_type))

        self.after = await self._access.change(self._run_id, decide)


def _backoff(attempts: int, hint: float | None) -> timedelta:
    """Return how long to wait: never less than a provider asks for."""
    own = min(_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS * 2.0**attempts)
    spread = random.uniform(1.0, 1.5)  # noqa: S311 - parts those who failed together, hides nothing
    return timedelta(seconds=max(own, hint or 0.0) * spread)
