"""How a run goes on when one of its steps has ended, and how it ends. No I/O."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from services.orchestrator.runs.model import (
    AGENT,
    AWAITING_APPROVAL,
    CANCELED,
    COMPLETED,
    DECOMPOSE,
    FAILED,
    PENDING,
    PROCESSING,
    QUEUED,
    SYNTHESIS,
    VALIDATION,
    Run,
    Step,
)

NO_RESULTS = "All agents failed to provide results"
NO_BUDGET = "The budget was spent before any agent could answer"
STOPPED = "Stopped by its operator"
# What the published clients answer in their own mock modes, so that a test sees the same with either.
MOCK_RESULT = "This is a mock response. Configure your API key to get real results."
_MESSAGES = {
    DECOMPOSE: "Taking the prompt apart",
    AGENT: "Agents are at work",
    SYNTHESIS: "Joining the answers",
    VALIDATION: "Checking the answer",
}


def advance(run: Run, now: datetime) -> Run:
    """Put the steps whose turn has come on their queues, or end the run; the answer to every change of a step."""
    if run.is_over:
        return run
    run = _with_turns(run, now)
    waiting = [step for step in run.steps if not step.is_over]
    if not waiting:
        return _conclude(run, now)
    status = AWAITING_APPROVAL if run.asking else PROCESSING
    message = f"{_who(run.asking)} asks for approval" if run.asking else _MESSAGES[waiting[0].kind]
    return msgspec.structs.replace(run, status=status, message=message)


def end(run: Run, status: str, now: datetime, *, error: str = "", warning: str = "") -> Run:
    """End a run before its steps have: with what it has, when `status` says completed and there is anything."""
    run = run.with_steps([_dropped(step, now) for step in run.steps if not step.is_over])
    if warning:
        run = msgspec.structs.replace(run, warnings=(*run.warnings, warning))
    answer = answer_of(run)
    if status == COMPLETED and answer:
        return _closed(run, now, COMPLETED, result=answer)
    return _closed(run, now, FAILED if status == COMPLETED else status, error=error)


def answer_of(run: Run) -> str:
    """Return the best answer that a run has: the checked one, else the joined one, else the longest of an agent."""
    for kind in (VALIDATION, SYNTHESIS):
        step = run.of_kind(kind)
        if step is not None and step.state == COMPLETED and step.result.strip():
            return step.result
    return max((step.result for step in successes(run)), key=len, default="")


def successes(run: Run) -> list[Step]:
    """Return the agents' steps that have answers."""
    return [step for step in run.agents if step.state == COMPLETED and step.result.strip()]


def _with_turns(run: Run, now: datetime) -> Run:
    """Move steps on whose turn has come, and drop those that are not needed."""
    first, agents = run.of_kind(DECOMPOSE), run.agents
    if first is not None and first.state == PENDING:
        return run.with_steps([_queued(first)])
    if first is not None and not first.is_over:
        return run
    if any(step.state == PENDING for step in agents):
        return run.with_steps([_queued(step) for step in agents if step.state == PENDING])
    if not all(step.is_over for step in agents):
        return run
    for kind in (SYNTHESIS, VALIDATION):
        step = run.of_kind(kind)
        if step is None or step.is_over:
            continue
        if step.state != PENDING:
            return run
        if _is_needed(run, kind):
            return run.with_steps([_queued(step)])
        run = run.with_steps([_dropped(step, now)])
    return run


def _is_needed(run: Run, kind: str) -> bool:
    answers = len(successes(run))
    return not run.exhausted and (answers > 1 if kind == SYNTHESIS else answers > 0)


def _conclude(run: Run, now: datetime) -> Run:
    answer = answer_of(run)
    run = msgspec.structs.replace(run, warnings=(*run.warnings, *_warnings(run, answer)))
    if not answer:
        # The sentence is the contract's; why each of them failed is in the warnings.
        return _closed(run, now, FAILED, error=NO_BUDGET if run.exhausted else NO_RESULTS)
    return _closed(run, now, COMPLETED, result=answer)


def _warnings(run: Run, answer: str) -> Iterable[str]:
    if run.exhausted and answer:
        yield f"The budget of {run.limit} credits is spent; this is what the run had by then"
    for step in run.steps:
        if step.state == FAILED:
            yield f"{_who(step)} failed: {step.error}"[:300]


def _closed(run: Run, now: datetime, status: str, *, result: str = "", error: str = "") -> Run:
    return msgspec.structs.replace(
        run,
        status=status,
        result=MOCK_RESULT if result and _is_simulated(run) else result,
        error=error,
        message={COMPLETED: "Completed", FAILED: "Failed", CANCELED: "Canceled"}[status],
        ended_at=now,
        ended_version=run.version + 1,
        # Where there is no hold and no thread nobody has to hear of the end.
        settled=not run.limit,
        told=not run.thread_id,
    )


def _is_simulated(run: Run) -> bool:
    """Tell whether a run was only to be played; what its prompt tells the mock, or an agent says, is an answer."""
    return run.mock and "[[mock" not in run.prompt and not any(step.agent_id for step in run.steps)


def _queued(step: Step) -> Step:
    return msgspec.structs.replace(step, state=QUEUED, item_id=step.item_id or step.id)


def _dropped(step: Step, now: datetime) -> Step:
    """Return a step that is not needed any more; its worker, if it has one, still has to stop."""
    return msgspec.structs.replace(step, state=CANCELED, ended_at=now, approval=None, turns=())


def _who(step: Step | None) -> str:
    if step is None:
        return ""
    return f"{step.role} {step.agent_index + 1}" if step.kind == AGENT else step.kind.capitalize()
