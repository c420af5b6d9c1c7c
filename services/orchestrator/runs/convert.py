"""Between runs and their messages."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp
from piecework.orchestrator.v1 import runs_pb2 as pb

from kit.timestamps import to_timestamp
from services.orchestrator.runs import model
from services.orchestrator.runs.model import Run, Step
from services.orchestrator.runs.service.starting import Attachment, NewRun
from services.orchestrator.runs.service.watching import Moment

_STATUSES = {
    model.PROCESSING: pb.RUN_STATUS_PROCESSING,
    model.AWAITING_APPROVAL: pb.RUN_STATUS_AWAITING_APPROVAL,
    model.COMPLETED: pb.RUN_STATUS_COMPLETED,
    model.FAILED: pb.RUN_STATUS_FAILED,
    model.CANCELED: pb.RUN_STATUS_CANCELED,
}
_KINDS = {
    model.DECOMPOSE: pb.STEP_KIND_DECOMPOSE,
    model.AGENT: pb.STEP_KIND_AGENT,
    model.SYNTHESIS: pb.STEP_KIND_SYNTHESIS,
    model.VALIDATION: pb.STEP_KIND_VALIDATION,
}
_STATES = {
    model.PENDING: pb.STEP_STATE_QUEUED,
    model.QUEUED: pb.STEP_STATE_QUEUED,
    model.RUNNING: pb.STEP_STATE_RUNNING,
    model.COMPLETED: pb.STEP_STATE_COMPLETED,
    model.FAILED: pb.STEP_STATE_FAILED,
    model.CANCELED: pb.STEP_STATE_CANCELED,
    model.AWAITING_APPROVAL: pb.STEP_STATE_AWAITING_APPROVAL,
}
_PROGRESS = {model.PENDING: 0.0, model.QUEUED: 0.05, model.RUNNING: 0.5, model.AWAITING_APPROVAL: 0.5}


def from_start(request: pb.StartRunRequest) -> NewRun:
    """Return what is asked for."""
    return NewRun(
        prompt=request.prompt,
        model_id=request.model_id,
        agent_count=request.agent_count,
        quick=request.quick,
        mock=request.mock,
        silent=request.silent,
        budget=request.budget_credits,
        role_models=dict(request.role_models),
        agent_ids=tuple(request.agent_ids),
        file_ids=tuple(request.file_ids),
        attachments=tuple(Attachment(each.filename, each.mime_type, each.content) for each in request.attachments),
        attachment_ids=tuple(request.attachment_ids),
        thread_id=request.thread_id,
        options_json=request.options_json,
    )


def to_run(run: Run) -> pb.Run:
    """Return a run as a message."""
    return pb.Run(
        id=run.id,
        operator_id=run.operator_id,
        prompt=run.prompt,
        model_id=run.model_id,
        status=_STATUSES.get(run.status, pb.RUN_STATUS_PROCESSING),
        message=run.message,
        result=run.result,
        error=run.error,
        warnings=run.warnings,
        steps=[to_step(step) for step in run.steps],
        budget=pb.Budget(
            limit_credits=run.limit, spent_credits=run.spent, reserved_credits=run.reserved, exhausted=run.exhausted
        ),
        pending_approval=_approval(run),
        thread_id=run.thread_id,
        message_id=run.message_id,
        file_ids=run.file_ids,
        mock=run.mock,
        options_json=run.options_json,
        steering=[pb.Steering(input=said.input, at=to_timestamp(said.at), actor=said.actor) for said in run.steering],
        not_stopped_step_ids=[step.id for step in run.steps if step.is_stopping],
        created_at=to_timestamp(run.created_at),
        updated_at=to_timestamp(run.updated_at),
        ended_at=_time(run.ended_at),
        version=run.version,
    )


def to_step(step: Step) -> pb.Step:
    """Return a step as a message."""
    return pb.Step(
        id=step.id,
        kind=_KINDS[step.kind],
        agent_index=step.agent_index,
        role=step.role,
        model_id=step.model_id,
        state=_STATES[step.state],
        question=step.question,
        result=step.result,
        error=step.error,
        progress=_PROGRESS.get(step.state, 1.0),
        tokens_in=step.tokens_in,
        tokens_out=step.tokens_out,
        cost_credits=step.cost,
        tool_calls=[
            pb.ToolCall(
                id=call.id,
                name=call.name,
                arguments_json=call.arguments_json,
                success=call.success,
                result_preview=call.result_preview,
                error=call.error,
                duration_ms=call.duration_ms,
            )
            for call in step.tool_calls
        ],
        attempts=step.attempts,
        started_at=_time(step.started_at),
        ended_at=_time(step.ended_at),
        agent_id=step.agent_id,
    )


def to_moment(moment: Moment) -> pb.WatchRunResponse:
    """Return something that happened as a message of the stream."""
    return pb.WatchRunResponse(
        seq=moment.seq,
        type=moment.type,
        run=to_run(moment.run) if moment.run is not None else None,
        step_id=moment.step_id,
        delta=moment.delta,
        at=to_timestamp(moment.at),
    )


def _approval(run: Run) -> pb.Approval | None:
    step = run.asking
    if step is None or step.approval is None:
        return None
    asked = step.approval
    return pb.Approval(
        id=asked.id,
        step_id=step.id,
        permission=asked.permission,
        agent_name=step.role,
        patterns=asked.patterns,
        metadata_json=asked.metadata_json,
    )


def _time(at: datetime | None) -> Timestamp | None:
    return to_timestamp(at) if at is not None else None
