"""Takes a run through its steps by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from services.orchestrator.runs.blueprint import Blueprint, plan_steps
from services.orchestrator.runs.flow import advance
from services.orchestrator.runs.model import DECOMPOSE, PROCESSING, QUEUED, Run, Step
from services.orchestrator.runs.progress import Hold, Usage, complete, fail, start

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def new_run(agents: int = 4, *, quick: bool = False, check: bool = True, **fields: Any) -> Run:
    """Return a run that has just begun."""
    plan = Blueprint(agents=agents, quick=quick, check=check, model_id="m")
    run = Run(
        id="task_x",
        operator_id=1,
        status=PROCESSING,
        version=1,
        prompt="Why?",
        model_id="m",
        created_at=NOW,
        updated_at=NOW,
        deadline_at=NOW + timedelta(minutes=10),
        steps=plan_steps(plan, "Why?", NOW),
        **fields,
    )
    return advance(run, NOW)


def queued(run: Run) -> list[Step]:
    return [step for step in run.steps if step.state == QUEUED]


def hold_of(step: Step, token: int = 1) -> Hold:
    return Hold(step.id, step.item_id or step.id, token, "worker")


def begun(run: Run, step: Step, token: int = 1) -> Run:
    after = start(run, hold_of(step, token), NOW)
    assert after is not None
    return after


def done(run: Run, step: Step, text: str = "an answer", cost: int = 0) -> Run:
    """Begin a step and answer it."""
    run = begun(run, step)
    if cost:
        current = run.step(step.id)
        assert current is not None
        run = run.with_steps([replace(current, reserved=cost)])
    questions = tuple(f"Q{n}" for n in range(len(run.agents))) if step.kind == DECOMPOSE else ()
    after = complete(run, hold_of(step), text, Usage(cost), NOW, questions)
    assert after is not None
    return after


def failed(run: Run, step: Step, why: str = "no") -> Run:
    run = begun(run, step)
    questions = tuple("" for _ in run.agents) if step.kind == DECOMPOSE else ()
    after = fail(run, hold_of(step), why, Usage(), NOW, questions)
    assert after is not None
    return after
