"""The documented answers. Times are `YYYY-MM-DDTHH:mm:ss.sssZ`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

from gateway.times import Time

Status = Literal["queued", "running", "completed", "failed"]


class Answer(msgspec.Struct, rename="camel"):
    """What all of them have in common: `camelCase` names."""


class Message(Answer):
    """A sentence that says what was done."""

    message: str


class Config(Answer):
    """Settings of a project; `requireKey` is shown when it is on."""

    default_max_retries: int
    default_lease_duration_minutes: int
    reaper_interval_minutes: int
    require_key: bool | UnsetType = UNSET


class Counts(Answer):
    """Tasks of a project by where they stand now."""

    total_tasks: int
    completed_tasks: int
    failed_tasks: int
    queued_tasks: int
    running_tasks: int


class Project(Answer):
    """A project."""

    id: str
    name: str
    description: str
    status: Literal["active", "closed"]
    created_at: Time
    updated_at: Time
    config: Config
    stats: Counts
    instructions: str | UnsetType = UNSET


class RecentActivity(Answer):
    """What happened in the last hour; the mean duration is in seconds."""

    tasks_completed_last_hour: int
    tasks_failed_last_hour: int
    average_task_duration: float


class ProjectStats(Answer):
    """What is going on in a project."""

    project: Project
    queue_depth: int
    active_agents: int
    recent_activity: RecentActivity


class TaskType(Answer):
    """A task type."""

    id: str
    name: str
    project_id: str
    variables: list[str]
    duplicate_handling: Literal["ignore", "fail", "allow"]
    max_retries: int
    lease_duration_minutes: float
    created_at: Time
    updated_at: Time
    template: str | UnsetType = UNSET


class Attempt(Answer):
    """One hand-out of a task."""

    id: str
    agent_name: str
    started_at: Time
    status: Literal["running", "completed", "failed", "timeout"]
    lease_expires_at: Time
    completed_at: Time | UnsetType = UNSET
    result: str | UnsetType = UNSET


class Task(Answer):
    """A task. The fields of the lease are there while it is handed out."""

    id: str
    project_id: str
    type_id: str
    type_name: str
    description: str
    instructions: str
    variables: dict[str, str]
    status: Status
    retry_count: int
    max_retries: int
    created_at: Time
    updated_at: Time
    attempts: list[Attempt]
    batch_id: str | UnsetType = UNSET
    assigned_to: str | UnsetType = UNSET
    assigned_at: Time | UnsetType = UNSET
    lease_expires_at: Time | UnsetType = UNSET
    lease_token: int | UnsetType = UNSET
    completed_at: Time | UnsetType = UNSET
    failed_at: Time | UnsetType = UNSET
    result: str | UnsetType = UNSET
    outputs: dict[str, Any] | UnsetType = UNSET


class CreatedTasks(Answer):
    """What became of the items of a bulk request: some may be refused while others are made."""

    tasks_created: int
    errors: list[str]
    created_tasks: list[Task]


class Batch(Answer):
    """The tasks of a batch by where they stand now."""

    batch_id: str
    total: int
    queued: int
    running: int
    completed: int
    failed: int


class Assignment(Answer):
    """The answer to a worker: the task, also by its id alone, or null."""

    task: Task | None
    agent_name: str
    id: str | UnsetType = UNSET


class ActiveAgent(Answer):
    """A worker that holds a live lease."""

    agent_name: str
    task_id: str
    assigned_at: Time
    lease_expires_at: Time
    status: Literal["running"]


class Availability(Answer):
    """How many tasks could be handed out now."""

    project_id: str
    tasks_available: int


class Cleanup(Answer):
    """What was taken back."""

    reclaimed_tasks: int
    cleaned_agents: int


class SessionInfo(Answer):
    """A session, as some clients read it."""

    id: str
    agent_id: str
    project_id: str
    agent_name: str
    created_at: Time
    last_accessed_at: Time
    expires_at: Time
    data: dict[str, Any]


class OpenedSession(Answer):
    """A new session. The token is shown this once; `sessionToken` is the same under another name."""

    session_id: str
    token: str
    expires_at: Time
    session_token: str
    resumed: bool
    session: SessionInfo


class Session(Answer):
    """The caller's session."""

    session_id: str
    agent_name: str
    project_id: str
    created_at: Time
    expires_at: Time
    last_activity: Time
