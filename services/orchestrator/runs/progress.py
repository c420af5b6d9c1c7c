"""What happens to one step of a run. No I/O: each function returns the run after it, None when it comes too late.

A worker names the work item and the fencing token that it holds: what another one has taken over since is refused.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
from msgspec.structs import replace

from services.orchestrator.runs.budget import forfeited, settled
from services.orchestrator.runs.flow import advance
from services.orchestrator.runs.model import (
    APPROVAL_WAIT,
    AWAITING_APPROVAL,
    COMPLETED,
    DECOMPOSE,
    FAILED,
    MAX_ATTEMPTS,
    MAX_LIFE,
    MAX_TOOL_CALLS,
    QUEUED,
    RUNNING,
    Approval,
    Run,
    RunEvent,
    Step,
    ToolCall,
    Turn,
    cut,
)

_MAX_ERROR = 500
_MS = timedelta(milliseconds=1)
# About as long as a short call takes, whose room another one waits for.
_FIRST_ROOM_WAIT, _LONGEST_ROOM_WAIT = timedelta(seconds=0.5), timedelta(seconds=30)


class Hold(msgspec.Struct, frozen=True):
    """A worker's hold on a step."""

    step_id: str
    item_id: str
    token: int
    holder: str


class Usage(msgspec.Struct, frozen=True):
    """What calls of a model took."""

    cost: int = 0
    tokens_in: int = 0
    tokens_out: int = 0


def held(run: Run, hold: Hold) -> Step | None:
    """Return the step if the worker still has it."""
    step = run.step(hold.step_id)
    if step is None or run.is_over or step.state != RUNNING:
        return None
    return step if (step.item_id, step.token) == (hold.item_id, hold.token) else None


def start(run: Run, hold: Hold, now: datetime) -> Run | None:
    """Let a worker begin. What the worker before it had set aside is lost: nobody knows what its call cost."""
    step = run.step(hold.step_id)
    if step is None or run.is_over or step.state not in (QUEUED, RUNNING) or step.item_id != hold.item_id:
        return None
    if hold.token <= step.token:
        return None
    begun = replace(
        forfeited(step),
        state=RUNNING,
        attempts=step.attempts + 1,
        started_at=step.started_at or now,
        token=hold.token,
        holder=hold.holder,
        retry_at=None,
        on_queue=True,
    )
    if begun.attempts > MAX_ATTEMPTS:
        return advance(run.with_steps([_failed(begun, f"Given up after {MAX_ATTEMPTS} attempts", now)]), now)
    return run.with_steps([begun])


def complete(
    run: Run, hold: Hold, result: str, usage: Usage, now: datetime, questions: tuple[str, ...] = ()
) -> Run | None:
    """Take the answer of a step; `questions` are those that agents are to answer, of the step that makes them."""
    step = held(run, hold)
    if step is None:
        return None
    run = run.with_steps([_ended(_used(step, usage), COMPLETED, now, result=cut(result))])
    return advance(_asked(run, step, questions), now)


def fail(run: Run, hold: Hold, error: str, usage: Usage, now: datetime, questions: tuple[str, ...] = ()) -> Run | None:
    """Let a step fail for good."""
    step = held(run, hold)
    if step is None:
        return None
    run = run.with_steps([_failed(_used(step, usage), error, now)])
    return advance(_asked(run, step, questions), now)


def put_back(
    run: Run, hold: Hold, error: str, usage: Usage, now: datetime, wait: timedelta, *, counts: bool = True
) -> Run | None:
    """Let a step be tried again after a while; an attempt that was nobody's fault does not count."""
    step = held(run, hold)
    if step is None:
        return None
    waiting = replace(
        _used(step, usage),
        state=QUEUED,
        error=cut(error, _MAX_ERROR),
        holder="",
        retry_at=now + wait,
        attempts=step.attempts if counts else step.attempts - 1,
    )
    return run.with_steps([waiting])


def make_way(run: Run, hold: Hold, turns: tuple[Turn, ...], now: datetime) -> tuple[Run, timedelta] | None:
    """Let a step wait until other calls have given back what they set aside; also returns how long until it looks.

    What it and its model have said stays. The longer it has waited, the less often it looks: an item cannot be handed
    out any number of times.
    """
    step = held(run, hold)
    if step is None:
        return None
    wait = min(max((now - (step.started_at or now)) / 4, _FIRST_ROOM_WAIT), _LONGEST_ROOM_WAIT)
    waiting = run.with_steps([replace(step, turns=turns)])
    after = put_back(waiting, hold, "", Usage(), now, wait, counts=False)
    return None if after is None else (after, wait)


def exhaust(run: Run, hold: Hold, usage: Usage, now: datetime) -> Run | None:
    """Let a step fail for want of money; what has not begun will not begin."""
    step = held(run, hold)
    if step is None:
        return None
    run = replace(run.with_steps([_failed(_used(step, usage), "The budget is spent", now)]), exhausted=True)
    return advance(run, now)


def note_call(run: Run, hold: Hold, usage: Usage, call: ToolCall) -> Run | None:
    """Note that a step has used a tool, and what the answer of the model that asked for it took."""
    step = held(run, hold)
    if step is None:
        return None
    calls = (*step.tool_calls, call)[-MAX_TOOL_CALLS:]
    return run.with_steps([replace(_used(step, usage), tool_calls=calls)])


def ask(run: Run, hold: Hold, usage: Usage, approval: Approval, turns: tuple[Turn, ...], now: datetime) -> Run | None:
    """Let a step wait for its operator, without a worker. The time of the run stands still meanwhile."""
    step = held(run, hold)
    if step is None:
        return None
    waiting = replace(_used(step, usage), state=AWAITING_APPROVAL, approval=approval, turns=turns, holder="")
    if run.asking is None:
        left = max(0, (run.deadline_at - now) // _MS)
        run = replace(run, left_ms=left, deadline_at=min(now + APPROVAL_WAIT, run.created_at + MAX_LIFE))
    return advance(run.with_steps([waiting]), now)


def answer(run: Run, text: str, item_id: str, now: datetime) -> Run:
    """Tell the step that asks what its operator said, and put it on its queue again as `item_id`."""
    step = run.asking
    if step is None:
        raise ValueError("no step asks")
    again = replace(
        step,
        state=QUEUED,
        approval=None,
        item_id=item_id,
        on_queue=False,
        token=0,
        attempts=max(0, step.attempts - 1),
        turns=(*step.turns, Turn("user", text)),
    )
    run = run.with_steps([again])
    if run.asking is None:
        run = replace(run, deadline_at=now + run.left_ms * _MS, left_ms=0)
    return advance(run, now)


def stop(run: Run, hold: Hold, usage: Usage) -> Run | None:
    """Note that a worker has stopped with a step that was cancelled, or that another one found it so."""
    step = run.step(hold.step_id)
    if step is None or not step.is_stopping or step.token > hold.token or step.item_id != hold.item_id:
        return None
    used = _used(step, usage) if step.token == hold.token else forfeited(step)
    return run.with_steps([replace(used, holder="")])


def told(run: Run, hold: Hold, event_type: str) -> RunEvent:
    """Return the event of a change of a step: of the run, when it ended it."""
    step = run.step(hold.step_id)
    if run.is_over:
        return RunEvent(f"run.{run.status}", hold.step_id)
    return RunEvent("step.failed" if step is not None and step.state == FAILED else event_type, hold.step_id)


def _asked(run: Run, step: Step, questions: tuple[str, ...]) -> Run:
    if step.kind != DECOMPOSE:
        return run
    pairs = zip(run.agents, questions, strict=True)
    return run.with_steps([replace(agent, question=question) for agent, question in pairs])


def _used(step: Step, usage: Usage) -> Step:
    counted = replace(step, tokens_in=step.tokens_in + usage.tokens_in, tokens_out=step.tokens_out + usage.tokens_out)
    return settled(counted, usage.cost)


def _ended(step: Step, state: str, now: datetime, *, result: str = "") -> Step:
    return replace(step, state=state, ended_at=now, holder="", turns=(), result=result, error="")


def _failed(step: Step, error: str, now: datetime) -> Step:
    return replace(_ended(step, FAILED, now), error=cut(error, _MAX_ERROR), reserved=0)
