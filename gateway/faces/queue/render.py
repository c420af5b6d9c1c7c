"""Messages of the services as the answers that the queue face documents."""

from __future__ import annotations

from msgspec import UNSET, Raw
from piecework.agents.v1 import identity_pb2
from piecework.tasks.v1 import queue_pb2, work_pb2

from gateway.faces.queue import schemas
from gateway.faces.queue.dialect import DUPLICATE_HANDLING, PROJECT_STATUS, TASK_STATUS
from gateway.times import time_text

_LEASED = work_pb2.WORK_STATE_LEASED
_COMPLETED = work_pb2.WORK_STATE_COMPLETED
_FAILED = work_pb2.WORK_STATE_FAILED
_ATTEMPT_STATUS = {
    work_pb2.ATTEMPT_OUTCOME_COMPLETED: "completed",
    work_pb2.ATTEMPT_OUTCOME_FAILED: "failed",
    work_pb2.ATTEMPT_OUTCOME_TIMEOUT: "timeout",
}


def project(found: queue_pb2.Project) -> schemas.Project:
    """Return a project as documented."""
    config, counts = found.config, found.counts
    return schemas.Project(
        id=found.id,
        name=found.name,
        description=found.description,
        instructions=found.instructions or UNSET,
        status=PROJECT_STATUS[found.status],
        created_at=time_text(found.created_at),
        updated_at=time_text(found.updated_at),
        config=schemas.Config(
            default_max_retries=config.default_max_retries,
            default_lease_duration_minutes=config.default_lease_duration_minutes,
            reaper_interval_minutes=config.reaper_interval_minutes,
            require_key=config.require_key or UNSET,
        ),
        stats=schemas.Counts(
            total_tasks=counts.total,
            completed_tasks=counts.completed,
            failed_tasks=counts.failed,
            queued_tasks=counts.queued,
            running_tasks=counts.running,
        ),
    )


def project_stats(found: queue_pb2.GetProjectStatsResponse) -> schemas.ProjectStats:
    """Return what is going on in a project as documented."""
    return schemas.ProjectStats(
        project=project(found.project),
        queue_depth=found.queue_depth,
        active_agents=found.active_agents,
        recent_activity=schemas.RecentActivity(
            tasks_completed_last_hour=found.completed_last_hour,
            tasks_failed_last_hour=found.failed_last_hour,
            average_task_duration=round(found.average_task_duration.ToNanoseconds() / 1e9, 3),
        ),
    )


def task_type(found: queue_pb2.TaskType) -> schemas.TaskType:
    """Return a task type as documented."""
    return schemas.TaskType(
        id=found.id,
        name=found.name,
        project_id=found.project_id,
        template=found.template or UNSET,
        variables=list(found.variables),
        duplicate_handling=DUPLICATE_HANDLING[found.duplicate_handling],
        max_retries=found.max_retries,
        lease_duration_minutes=found.lease_duration_minutes,
        created_at=time_text(found.created_at),
        updated_at=time_text(found.updated_at),
    )


def task(found: queue_pb2.Task) -> schemas.Task:
    """Return a task as documented."""
    state = found.state
    answer = schemas.Task(
        id=found.id,
        project_id=found.project_id,
        type_id=found.type_id,
        type_name=found.type_name,
        description=found.description,
        instructions=found.instructions,
        variables=dict(found.variables),
        status=TASK_STATUS[state],
        retry_count=found.retry_count,
        max_retries=found.max_retries,
        created_at=time_text(found.created_at),
        updated_at=time_text(found.updated_at),
        attempts=[attempt(each) for each in found.attempts],
        batch_id=found.batch_id or UNSET,
    )
    if found.HasField("assigned_at"):
        answer.assigned_at = time_text(found.assigned_at)
    if state == _LEASED:
        answer.assigned_to = found.lease.holder
        answer.lease_token = found.lease.token
        answer.lease_expires_at = time_text(found.lease.expires_at)
    elif state == _COMPLETED:
        answer.completed_at = time_text(found.ended_at)
        answer.result = found.result
    elif state == _FAILED:
        answer.failed_at = time_text(found.ended_at)
        answer.result = found.result
    if found.outputs_json:
        # The outputs are JSON already: they are passed on as they are.
        answer.outputs = Raw(found.outputs_json.encode())  # type: ignore[assignment]
    return answer


def attempt(found: work_pb2.Attempt) -> schemas.Attempt:
    """Return one hand-out of a task as documented."""
    ended = found.HasField("ended_at")
    return schemas.Attempt(
        id=found.id,
        agent_name=found.holder,
        started_at=time_text(found.started_at),
        status=_ATTEMPT_STATUS.get(found.outcome, "running"),  # type: ignore[arg-type]
        lease_expires_at=time_text(found.lease_expires_at),
        completed_at=time_text(found.ended_at) if ended else UNSET,
        result=found.result if ended else UNSET,
    )


def created_tasks(found: queue_pb2.CreateTasksResponse) -> schemas.CreatedTasks:
    """Return what became of a bulk request as documented."""
    return schemas.CreatedTasks(
        tasks_created=len(found.tasks),
        errors=[f"Task {error.index}: {error.message}" for error in found.errors],
        created_tasks=[task(each) for each in found.tasks],
    )


def batch(found: queue_pb2.GetBatchResponse) -> schemas.Batch:
    """Return the counts of a batch as documented."""
    counts = found.counts
    return schemas.Batch(found.batch_id, counts.total, counts.queued, counts.running, counts.completed, counts.failed)


def active_agent(found: queue_pb2.ActiveAgent) -> schemas.ActiveAgent:
    """Return a worker at work as documented."""
    return schemas.ActiveAgent(
        agent_name=found.agent_name,
        task_id=found.task_id,
        assigned_at=time_text(found.assigned_at),
        lease_expires_at=time_text(found.lease_expires_at),
        status="running",
    )


def session(found: identity_pb2.Session) -> schemas.Session:
    """Return a session as documented."""
    return schemas.Session(
        session_id=found.id,
        agent_name=found.agent_name,
        project_id=found.project_id,
        created_at=time_text(found.created_at),
        expires_at=time_text(found.expires_at),
        last_activity=time_text(found.last_activity_at),
    )


def opened_session(found: queue_pb2.OpenSessionResponse) -> schemas.OpenedSession:
    """Return a session that has just been opened as documented."""
    opened = found.session
    return schemas.OpenedSession(
        session_id=opened.id,
        token=found.token,
        expires_at=time_text(opened.expires_at),
        session_token=found.token,
        resumed=found.resumed,
        session=schemas.SessionInfo(
            id=opened.id,
            agent_id=opened.agent_name,
            project_id=opened.project_id,
            agent_name=opened.agent_name,
            created_at=time_text(opened.created_at),
            last_accessed_at=time_text(opened.last_activity_at),
            expires_at=time_text(opened.expires_at),
            data={},
        ),
    )
