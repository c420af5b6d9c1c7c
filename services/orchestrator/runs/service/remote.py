"""Steps that registered agents do: their items lie in the agents' own queues, and the outcome is fetched from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from services.orchestrator.runs.budget import allowance
from services.orchestrator.runs.model import QUEUED, RUNNING, Run, RunEvent, Step, cut
from services.orchestrator.runs.progress import Hold, Usage, complete, fail, start, stop, told

if TYPE_CHECKING:
    from kit.clock import Clock
    from services.orchestrator.runs.service.access import RunAccess
    from services.orchestrator.runs.service.chores import Chores
    from services.orchestrator.runs.service.ports import Outcome, Work

_ENDED = ("completed", "failed")


class Bill(msgspec.Struct, frozen=True):
    """What an agent says of its work besides the result."""

    cost_credits: int = 0


class RemoteSteps:
    """Follows the steps of agents.

    Args:
        access: reads and changes runs.
        chores: does what follows from a change.
        work: the queues.
        clock: the time.
    """

    def __init__(self, access: RunAccess, chores: Chores, work: Work, clock: Clock) -> None:
        self._access = access
        self._chores = chores
        self._work = work
        self._clock = clock

    async def look(self, run_id: str) -> None:
        """Find out how the agents of a run stand."""
        run = await self._access.find(run_id)
        for step in run.steps if run is not None else ():
            if step.agent_id and (step.state in (QUEUED, RUNNING) or step.is_stopping):
                await self._look(run_id, step)

    async def _look(self, run_id: str, step: Step) -> None:
        outcome = await self._work.outcome(step.item_id)
        if outcome is None or outcome.state == "queued":
            return
        hold = Hold(step.id, step.item_id, max(1, outcome.token), f"agent:{step.agent_id}")
        if step.token < hold.token and not step.is_over:
            await self._note(run_id, hold)
        if outcome.state in _ENDED:
            await self._end(run_id, hold, outcome)

    async def _note(self, run_id: str, hold: Hold) -> None:
        """Note that an agent has begun, and set aside what it may ask for."""
        now = self._clock.now()

        def decide(run: Run) -> tuple[Run, RunEvent] | None:
            begun = start(run, hold, now)
            step = begun.step(hold.step_id) if begun is not None else None
            if begun is None or step is None:
                return None
            if step.payee and not step.is_over:
                begun = begun.with_steps([msgspec.structs.replace(step, reserved=allowance(begun, step))])
            return begun, told(begun, hold, "step.started")

        await self._access.change(run_id, decide)

    async def _end(self, run_id: str, hold: Hold, outcome: Outcome) -> None:
        now, usage = self._clock.now(), Usage(_asked(outcome.outputs_json))
        answer = cut(outcome.result.strip())

        def decide(run: Run) -> tuple[Run, RunEvent] | None:
            if run.is_over:
                stopped = stop(run, hold, usage)
                return None if stopped is None else (stopped, RunEvent("run.message", hold.step_id))
            if outcome.state == "completed" and answer:
                after = complete(run, hold, answer, usage, now)
            else:
                why = "The agent answered nothing" if outcome.state == "completed" else f"The agent failed: {answer}"
                after = fail(run, hold, why, Usage(), now)
            return None if after is None else (after, told(after, hold, "step.completed"))

        run = await self._access.change(run_id, decide)
        if run is not None:
            await self._chores.carry_out_soon(run)


def _asked(outputs_json: str) -> int:
    """Return what an agent asks for its work; it gets no more than was set aside."""
    try:
        return max(0, msgspec.json.decode(outputs_json or "{}", type=Bill).cost_credits)
    except msgspec.MsgspecError:
        return 0
