"""Runs as the answers that this face documents."""

from __future__ import annotations

from typing import Any

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import UNSET, UnsetType
from piecework.orchestrator.v1 import runs_pb2

from gateway.faces.runs import schemas
from gateway.faces.runs.generations import Generation
from gateway.faces.runs.inline import SHOWN_CHARACTERS
from gateway.times import time_text

_STATUS: dict[int, schemas.Status] = {
    runs_pb2.RUN_STATUS_PROCESSING: "processing",
    runs_pb2.RUN_STATUS_AWAITING_APPROVAL: "awaiting_approval",
    runs_pb2.RUN_STATUS_COMPLETED: "completed",
    runs_pb2.RUN_STATUS_FAILED: "failed",
    runs_pb2.RUN_STATUS_CANCELED: "canceled",
}
_OLD: dict[str, schemas.Status] = {"awaiting_approval": "processing", "canceled": "failed"}
_STATE: dict[int, schemas.AgentState] = {
    runs_pb2.STEP_STATE_QUEUED: "QUEUED",
    runs_pb2.STEP_STATE_RUNNING: "PROCESSING...",
    runs_pb2.STEP_STATE_AWAITING_APPROVAL: "PROCESSING...",
    runs_pb2.STEP_STATE_COMPLETED: "COMPLETED",
}
_KIND = {
    runs_pb2.STEP_KIND_DECOMPOSE: "decompose",
    runs_pb2.STEP_KIND_AGENT: "agent",
    runs_pb2.STEP_KIND_SYNTHESIS: "synthesis",
    runs_pb2.STEP_KIND_VALIDATION: "validation",
}
_CENTS = 100
_NO_RESULT = "(no result)"
_CANCELED = "Task canceled"
_FAILED = "Task failed"
_WAITS = "Waiting for approval"


def status_of(run: runs_pb2.Run, client: Generation) -> schemas.Status:
    """Return the status in a word that the client knows."""
    status = _STATUS.get(run.status, "processing")
    return status if client.all_statuses else _OLD.get(status, status)


def outcome(run: runs_pb2.Run, client: Generation) -> dict[str, Any]:
    """Return the fields of a run that depend on how it stands; those that say nothing are left out."""
    status = _STATUS.get(run.status, "processing")
    fields: dict[str, Any] = {"task_id": run.id, "status": status_of(run, client)}
    message = run.message
    if status == "completed":
        fields["result"] = run.result or _NO_RESULT
    elif status == "failed":
        fields["error"] = run.error or _FAILED
    elif status == "canceled":
        fields["error"] = _CANCELED
    elif status == "awaiting_approval":
        message = message or _WAITS
    if message:
        fields["message"] = message
    if run.warnings:
        fields["warnings"] = list(run.warnings)
    return fields


def task_outcome(run: runs_pb2.Run, client: Generation) -> schemas.TaskOutcome:
    """Return how a run stands."""
    return schemas.TaskOutcome(**outcome(run, client))


def task_state(run: runs_pb2.Run, client: Generation, shown: int | None = None) -> schemas.TaskState:
    """Return how a run stands, with all that is known about it; what was said in it is cut to `shown` characters."""
    return schemas.TaskState(
        **outcome(run, client),
        user_id=str(run.operator_id),
        prompt=run.prompt,
        model_id=run.model_id or UNSET,
        started=run.created_at.seconds,
        updated_at=run.updated_at.seconds,
        progress_version=run.version,
        agent_statuses=agents(run, shown),
        tool_events=tools(run),
        conversation_id=str(run.thread_id) if run.thread_id else UNSET,
        trace_id=run.id,
        file_ids=list(run.file_ids) or UNSET,
        mock=run.mock or UNSET,
        options=json_object(run.options_json) or UNSET,
        inputs=inputs(run, shown) or UNSET,
        pending_approval=approval(run),
        budget_usage=budget(run.budget),
    )


def thread_task(run: runs_pb2.Run, client: Generation) -> schemas.ThreadTask:
    """Return a run that began in a thread."""
    return schemas.ThreadTask(
        **outcome(run, client),
        snake_task_id=run.id,
        thread_id=str(run.thread_id),
        snake_thread_id=run.thread_id,
        message_id=run.message_id,
    )


def task_ended(run: runs_pb2.Run) -> schemas.TaskEnded:
    """Return what became of a run, to clients that know every status."""
    known = outcome(run, Generation(all_statuses=True))
    return schemas.TaskEnded(
        run.id,
        known["status"],
        known.get("result", UNSET),
        known.get("error", UNSET),
        str(run.thread_id) if run.thread_id else UNSET,
        run.id,
        list(run.not_stopped_step_ids) or UNSET,
    )


def agents(run: runs_pb2.Run, shown: int | None = None) -> list[schemas.AgentStatus]:
    """Return how the agents of a run stand; long texts are cut to `shown` characters."""
    steps = [step for step in run.steps if step.kind == runs_pb2.STEP_KIND_AGENT]
    return [_agent(step, shown) for step in steps]


def _agent(step: runs_pb2.Step, shown: int | None) -> schemas.AgentStatus:
    return schemas.AgentStatus(
        agent_id=step.agent_index,
        status=_agent_state(step),
        progress=_progress(step),
        role=step.role or UNSET,
        question=_cut(step.question, shown),
        result=_cut(step.result, shown),
        error=_cut(step.error, shown),
        model=step.model_id or UNSET,
    )


def _agent_state(step: runs_pb2.Step) -> schemas.AgentState:
    state = _STATE.get(step.state, "FAILED")
    return "TIMEOUT" if state == "FAILED" and "timed out" in step.error.lower() else state


def _progress(step: runs_pb2.Step) -> float:
    if step.state == runs_pb2.STEP_STATE_QUEUED:
        return 0.05
    if step.state in (runs_pb2.STEP_STATE_RUNNING, runs_pb2.STEP_STATE_AWAITING_APPROVAL):
        return round(0.5 + 0.45 * min(max(step.progress, 0.0), 1.0), 3)
    return 1.0


def stage(step: runs_pb2.Step) -> str:
    """Return what a step is for, in a word."""
    return _KIND.get(step.kind, "")


def tools(run: runs_pb2.Run) -> list[schemas.ToolEvent]:
    """Return the tools that the steps of a run used."""
    return [each for step in run.steps for each in step_tools(step)]


def step_tools(step: runs_pb2.Step) -> list[schemas.ToolEvent]:
    """Return the tools that a step used."""
    return [
        schemas.ToolEvent(
            invocation_id=call.id,
            agent_label=step.role or stage(step),
            tool_name=call.name,
            success=call.success,
            duration_ms=call.duration_ms,
            status="completed" if call.success else "failed",
            agent_id=step.agent_index if step.kind == runs_pb2.STEP_KIND_AGENT else UNSET,
            error=call.error or UNSET,
            result_preview=_cut(call.result_preview, SHOWN_CHARACTERS),
            arguments=json_object(call.arguments_json) or UNSET,
        )
        for call in step.tool_calls
    ]


def inputs(run: runs_pb2.Run, shown: int | None = None) -> list[schemas.Input]:
    """Return what was said to a run since it began; long texts are cut to `shown` characters."""
    return [schemas.Input(_cut(said.input, shown) or "", time_text(said.at), said.actor) for said in run.steering]


def approval(run: runs_pb2.Run) -> schemas.PendingApproval | UnsetType:
    """Return what a step of a run asks."""
    if not run.HasField("pending_approval"):
        return UNSET
    asked = run.pending_approval
    return schemas.PendingApproval(
        asked.id, asked.permission, asked.agent_name, list(asked.patterns), json_object(asked.metadata_json)
    )


def budget(found: runs_pb2.Budget, *, over: bool = False) -> schemas.BudgetUsage:
    """Return what a run may spend and has spent; when it is `over`, what is set aside goes back and is not told."""
    limit, left = found.limit_credits, found.limit_credits - found.spent_credits
    return schemas.BudgetUsage(
        consumed_usd=found.spent_credits / _CENTS,
        consumed_credits=found.spent_credits,
        reserved_credits=0 if over else found.reserved_credits,
        exhausted=found.exhausted,
        initial_usd=limit / _CENTS if limit else UNSET,
        remaining_usd=left / _CENTS if limit else UNSET,
        initial_credits=limit or UNSET,
        remaining_credits=left if limit else UNSET,
    )


def trace(run: runs_pb2.Run) -> schemas.TraceAnswer:
    """Return all that happened in a run."""
    checks = [step.result for step in run.steps if step.kind == runs_pb2.STEP_KIND_VALIDATION and step.result]
    known = schemas.Trace(
        id=run.id,
        task_id=run.id,
        user_id=str(run.operator_id),
        goal=run.prompt,
        plan=[step.question for step in run.steps if step.kind == runs_pb2.STEP_KIND_AGENT],
        steps=[_trace_step(step) for step in run.steps],
        self_eval=checks[-1] if checks else None,
        report=run.result or None,
        artifacts=[],
        inputs=inputs(run),
        status=_STATUS.get(run.status, "processing"),
        budget=budget(run.budget),
        created_at=time_text(run.created_at),
        ended_at=_time(run, "ended_at"),
    )
    return schemas.TraceAnswer(known)


def _trace_step(step: runs_pb2.Step) -> schemas.TraceStep:
    is_agent = step.kind == runs_pb2.STEP_KIND_AGENT
    return schemas.TraceStep(
        id=step.id,
        kind=stage(step),
        state=runs_pb2.StepState.Name(step.state).removeprefix("STEP_STATE_").lower(),
        model=step.model_id,
        question=step.question,
        result=step.result,
        progress=step.progress,
        tokens_in=step.tokens_in,
        tokens_out=step.tokens_out,
        cost_credits=step.cost_credits,
        attempts=step.attempts,
        tools=step_tools(step),
        role=step.role or UNSET,
        agent_index=step.agent_index if is_agent else UNSET,
        agent_id=step.agent_id or UNSET,
        error=step.error or UNSET,
        started_at=_time(step, "started_at"),
        ended_at=_time(step, "ended_at"),
        duration_ms=_duration(step),
    )


def json_object(text: str) -> dict[str, Any]:
    """Return the object in a field of the contract that holds JSON; an empty one when it holds nothing."""
    found = msgspec.json.decode(text) if text else {}
    return found if isinstance(found, dict) else {}


def _cut(text: str, shown: int | None) -> str | UnsetType:
    if not text:
        return UNSET
    return text if shown is None or len(text) <= shown else text[:shown] + "..."


def _time(message: Any, name: str) -> str | UnsetType:
    at: Timestamp = getattr(message, name)
    return time_text(at) if message.HasField(name) else UNSET


def _duration(step: runs_pb2.Step) -> int | UnsetType:
    if not (step.HasField("started_at") and step.HasField("ended_at")):
        return UNSET
    return max(0, (step.ended_at.ToNanoseconds() - step.started_at.ToNanoseconds()) // 1_000_000)
