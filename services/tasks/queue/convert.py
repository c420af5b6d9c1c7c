"""Between the messages of the queue and its model."""

from __future__ import annotations

from typing import Any

from piecework.tasks.v1 import queue_pb2 as pb

from kit.timestamps import to_duration, to_timestamp, write_timestamp
from services.tasks.queue.model import (
    ACTIVE,
    ALLOW,
    CLOSED,
    FAIL,
    IGNORE,
    QUEUE_PREFIX,
    NewTask,
    Project,
    ProjectConfig,
    TaskType,
)
from services.tasks.queue.service.projects import ProjectStats
from services.tasks.queue.service.types import NewTaskType
from services.tasks.work.convert import STATES, json_object, write_history
from services.tasks.work.model import COMPLETED, FAILED, WorkItem
from services.tasks.work.steps import Claim, Ending
from services.tasks.work.views import Counts

_STATUSES = {ACTIVE: pb.PROJECT_STATUS_ACTIVE, CLOSED: pb.PROJECT_STATUS_CLOSED}
_STATUS_NAMES: dict[int, str] = {number: name for name, number in _STATUSES.items()}
_DUPLICATES = {
    ALLOW: pb.DUPLICATE_HANDLING_ALLOW,
    IGNORE: pb.DUPLICATE_HANDLING_IGNORE,
    FAIL: pb.DUPLICATE_HANDLING_FAIL,
}
_DUPLICATE_NAMES: dict[int, str] = {number: name for name, number in _DUPLICATES.items()}
_CONFIG_FIELDS = ("default_max_retries", "default_lease_duration_minutes", "reaper_interval_minutes", "require_key")


def from_status(status: int) -> str | None:
    """Return the name of a status, None when it is not set."""
    return _STATUS_NAMES.get(status)


def from_config(message: pb.ProjectConfig) -> dict[str, Any]:
    """Return the settings that are set."""
    return {name: getattr(message, name) for name in _CONFIG_FIELDS if message.HasField(name)}  # type: ignore[arg-type]


def from_project_changes(request: pb.UpdateProjectRequest) -> dict[str, Any]:
    """Return the fields of a project that are to change."""
    changes: dict[str, Any] = _present(request, "name", "description", "instructions")
    if request.status:
        changes["status"] = _STATUS_NAMES[request.status]
    return changes


def from_new_type(request: pb.CreateTaskTypeRequest) -> NewTaskType:
    """Return what a new type says."""
    given = _present(request, "template", "max_retries", "lease_duration_minutes")
    return NewTaskType(
        name=request.name,
        template=given.get("template"),
        variables=tuple(request.variables),
        duplicate_handling=_DUPLICATE_NAMES.get(request.duplicate_handling),
        max_retries=given.get("max_retries"),
        lease_duration_minutes=given.get("lease_duration_minutes"),
    )


def from_type_changes(request: pb.UpdateTaskTypeRequest) -> dict[str, Any]:
    """Return the fields of a type that are to change, without its variables."""
    changes = _present(request, "name", "template", "max_retries", "lease_duration_minutes")
    if request.duplicate_handling:
        changes["duplicate_handling"] = _DUPLICATE_NAMES[request.duplicate_handling]
    return changes


def from_new_task(message: pb.NewTask) -> NewTask:
    """Return what a new task says."""
    given = _present(message, "instructions", "description")
    return NewTask(message.type_id, given.get("instructions"), dict(message.variables), given.get("description"))


def from_task_changes(request: pb.UpdateTaskRequest) -> dict[str, Any]:
    """Return the parts of a task that are to change."""
    changes = _present(request, "instructions", "description")
    if request.HasField("variables"):
        changes["variables"] = dict(request.variables.values)
    return changes


def from_claim(message: pb.TaskLeaseRef) -> Claim:
    """Return what a worker says to prove that a task is in its hands."""
    return Claim(message.agent_name or None, message.lease_token if message.HasField("lease_token") else None)


def from_completion(request: pb.CompleteTaskRequest) -> Ending:
    """Return how a completed task ends."""
    if request.outputs_json:
        json_object(request.outputs_json, "outputs_json")
    return Ending(COMPLETED, request.result, request.outputs_json or None)


def from_failure(request: pb.FailTaskRequest) -> Ending:
    """Return how a failed attempt ends."""
    return Ending(FAILED, request.error, can_retry=request.can_retry if request.HasField("can_retry") else True)


def to_counts(counts: Counts) -> pb.TaskCounts:
    """Return counts as a message."""
    return pb.TaskCounts(
        total=counts.total,
        queued=counts.queued,
        running=counts.leased,
        completed=counts.completed,
        failed=counts.failed,
    )


def to_project(project: Project, counts: Counts) -> pb.Project:
    """Return a project as a message."""
    return pb.Project(
        id=project.id,
        operator_id=project.operator_id,
        name=project.name,
        description=project.description,
        instructions=project.instructions or "",
        status=_STATUSES[project.status],
        config=_to_config(project.config),
        counts=to_counts(counts),
        created_at=to_timestamp(project.created_at),
        updated_at=to_timestamp(project.updated_at),
    )


def to_stats(stats: ProjectStats) -> pb.GetProjectStatsResponse:
    """Return what is going on in a project as a message."""
    return pb.GetProjectStatsResponse(
        project=to_project(stats.project, stats.counts),
        queue_depth=stats.counts.queued,
        active_agents=stats.active_agents,
        completed_last_hour=stats.activity.completed,
        failed_last_hour=stats.activity.failed,
        average_task_duration=to_duration(stats.activity.mean_duration),
    )


def to_task_type(task_type: TaskType) -> pb.TaskType:
    """Return a type as a message."""
    return pb.TaskType(
        id=task_type.id,
        project_id=task_type.project_id,
        name=task_type.name,
        template=task_type.template or "",
        variables=task_type.variables,
        duplicate_handling=_DUPLICATES[task_type.duplicate_handling],
        max_retries=task_type.max_retries,
        lease_duration_minutes=task_type.lease_duration_minutes,
        created_at=to_timestamp(task_type.created_at),
        updated_at=to_timestamp(task_type.updated_at),
    )


def write_task(message: pb.Task, item: WorkItem) -> None:
    """Write the work item of a task into `message`."""
    payload = item.payload
    message.id = item.id
    message.project_id = item.queue.removeprefix(QUEUE_PREFIX)
    message.type_id = payload["type_id"]
    message.type_name = payload["type_name"]
    message.description = payload["description"]
    message.instructions = payload["instructions"]
    message.variables.update(payload["variables"])
    message.batch_id = item.batch or ""
    message.state = STATES[item.state]
    if item.attempts:
        write_timestamp(message.assigned_at, item.attempts[-1].started_at)
    message.retry_count = item.failures
    message.max_retries = item.max_attempts - 1
    write_history(message, item)


def to_active_agent(item: WorkItem) -> pb.ActiveAgent:
    """Return the holder of a leased task as a message."""
    attempt = item.attempts[-1]
    return pb.ActiveAgent(
        agent_name=attempt.holder,
        task_id=item.id,
        assigned_at=to_timestamp(attempt.started_at),
        lease_expires_at=to_timestamp(attempt.lease_expires_at),
    )


def _to_config(config: ProjectConfig) -> pb.ProjectConfig:
    return pb.ProjectConfig(**{name: getattr(config, name) for name in _CONFIG_FIELDS})


def _present(message: Any, *names: str) -> dict[str, Any]:
    return {name: getattr(message, name) for name in names if message.HasField(name)}
