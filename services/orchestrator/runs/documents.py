"""Runs as MongoDB documents, and what events say of them. A change and its event are one write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from kit.events.model import change_document
from services.orchestrator.runs.model import ABANDONED, ACTIVE, CREATING, QUEUED, RUNNING, Run, RunEvent, Step
from services.orchestrator.runs.steering import STEERED

# Larger results are not in events: who watches reads them from the run, where they never change.
MAX_EVENT_RESULT = 16_384
_NATIVE = (datetime,)


def to_run(document: Mapping[str, Any]) -> Run:
    """Return the run that `document` holds."""
    return msgspec.convert(document, Run)


def to_document(run: Run) -> dict[str, Any]:
    """Return a run as a document, with what is looked for: steps that wait and are worked on, and open ends."""
    document: dict[str, Any] = msgspec.to_builtins(run, builtin_types=_NATIVE)
    models = [step for step in run.steps if not step.agent_id]
    derived = {
        "waiting": sum(step.state == QUEUED for step in models),
        "running": sum(step.state == RUNNING or step.is_stopping for step in models),
        "remote": sum(
            bool(step.agent_id) and (step.state in (QUEUED, RUNNING) or step.is_stopping) for step in run.steps
        ),
        "active": int(run.status in ACTIVE),
    }
    document.update({name: value for name, value in derived.items() if value})
    again = [step.retry_at for step in models if step.state == QUEUED]
    if again and all(again):
        document["next_at"] = min(at for at in again if at is not None)
    if has_open_end(run):
        document["open_at"] = run.updated_at
    return document


def has_open_end(run: Run) -> bool:
    """Tell whether others still have to hear of something: queues of steps, the ledger or the thread of the end."""
    if run.is_over:
        return not (run.settled and run.told)
    return run.status in (CREATING, ABANDONED) or any(step.state == QUEUED and not step.on_queue for step in run.steps)


def to_update(before: Run, after: Run, event: RunEvent | None) -> dict[str, Any]:
    """Return the modifiers that turn one run into the other, with the event of the change if it has one."""
    old, new = to_document(before), to_document(after)
    if "open_at" in old and "open_at" in new and event is None:
        new["open_at"] = old["open_at"]
    steps = {}
    if len(old.get("steps", ())) == len(new.get("steps", ())):
        pairs = enumerate(zip(old.pop("steps", ()), new.pop("steps", ()), strict=True))
        steps = {f"steps.{index}": changed for index, (was, changed) in pairs if was != changed}
    put = {name: value for name, value in new.items() if name not in old or old[name] != value} | steps
    remove = {name: "" for name in old if name not in new}
    if event is not None:
        put["change"] = to_change(after, event)
    return {"$set": put, "$unset": remove} if remove else {"$set": put}


def to_change(run: Run, event: RunEvent) -> dict[str, Any]:
    """Return what the event of a change says: the run without what never changes, and one step in full."""
    shown = msgspec.to_builtins(_shown(run, event), builtin_types=_NATIVE)
    return change_document(
        event_type=event.type,
        stream=stream_of(run.id),
        subject=f"run:{run.id}",
        version=run.version,
        actor=event.actor,
        at=run.updated_at,
        data={"step_id": event.step_id, "run": shown},
    )


def to_delta(run_id: str, hold: tuple[str, int], number: int, text: str, at: datetime) -> dict[str, Any]:
    """Return the event of text that was added to a step; `hold` is the step and the token of its attempt."""
    step_id, token = hold
    return change_document(
        event_type="step.progress",
        stream=stream_of(run_id),
        subject=f"delta:{step_id}:{token}",
        version=number,
        actor="orchestrator",
        at=at,
        data={"step_id": step_id, "delta": text},
    )


def stream_of(run_id: str) -> str:
    """Return the stream of a run's events."""
    return f"run:{run_id}"


def _shown(run: Run, event: RunEvent) -> Run:
    steps = tuple(_brief(step, in_full=step.id == event.step_id) for step in run.steps)
    result = run.result if len(run.result) <= MAX_EVENT_RESULT else ""
    said = run.steering[-1:] if event.type == STEERED else ()
    run = replace(run, prompt="", options_json="", file_ids=(), idempotency=None, steering=said)
    return replace(run, result=result, steps=steps)


def _brief(step: Step, *, in_full: bool) -> Step:
    if not in_full:
        return replace(step, question="", result="", turns=(), tool_calls=())
    return replace(step, turns=(), result=step.result if len(step.result) <= MAX_EVENT_RESULT else "")
