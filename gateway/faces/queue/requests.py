"""The documented request bodies and queries. Their rules of shape stand in the contract of the service."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType


class Request(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What all of them have in common: `camelCase` names, and no others than the documented ones."""


class Login(Request):
    """A worker that asks to come in."""

    agent_name: str
    project_id: str
    resume_existing: bool | UnsetType = UNSET
    allow_multiple_sessions: bool | UnsetType = UNSET


class SessionExtension(Request):
    """Seconds to add to the end of a session."""

    extend_by: int


class ProjectSettings(Request):
    """Settings of a project; what is left out takes its default or keeps its value."""

    default_max_retries: int | UnsetType = UNSET
    default_lease_duration_minutes: int | UnsetType = UNSET
    reaper_interval_minutes: int | UnsetType = UNSET
    require_key: bool | UnsetType = UNSET


class NewProject(Request):
    """A new project."""

    name: str
    description: str
    instructions: str | UnsetType = UNSET
    config: ProjectSettings | UnsetType = UNSET


class ProjectChange(Request):
    """What to change of a project."""

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    instructions: str | UnsetType = UNSET
    status: Literal["active", "closed"] | UnsetType = UNSET
    config: ProjectSettings | UnsetType = UNSET


class ProjectQuery(Request):
    """Which projects to list."""

    status: Literal["active", "closed", "all"] | UnsetType = UNSET
    limit: int | UnsetType = UNSET
    offset: int | UnsetType = UNSET


class NewTaskType(Request):
    """A new task type."""

    name: str
    template: str | UnsetType = UNSET
    variables: list[str] | UnsetType = UNSET
    duplicate_handling: Literal["ignore", "fail", "allow"] | UnsetType = UNSET
    max_retries: int | UnsetType = UNSET
    lease_duration_minutes: float | UnsetType = UNSET


class TaskTypeChange(Request):
    """What to change of a task type."""

    name: str | UnsetType = UNSET
    template: str | UnsetType = UNSET
    variables: list[str] | UnsetType = UNSET
    duplicate_handling: Literal["ignore", "fail", "allow"] | UnsetType = UNSET
    max_retries: int | UnsetType = UNSET
    lease_duration_minutes: float | UnsetType = UNSET


class NewTask(Request):
    """A new task."""

    type_id: str
    instructions: str | UnsetType = UNSET
    variables: dict[str, str] | UnsetType = UNSET
    description: str | UnsetType = UNSET
    batch_id: str | UnsetType = UNSET


class NewTaskItem(Request):
    """One task of many."""

    type_id: str
    instructions: str | UnsetType = UNSET
    variables: dict[str, str] | UnsetType = UNSET
    description: str | UnsetType = UNSET


class NewTasks(Request):
    """Many new tasks."""

    tasks: list[NewTaskItem]
    batch_id: str | UnsetType = UNSET


class TaskChange(Request):
    """What to change of a task that is still queued."""

    instructions: str | UnsetType = UNSET
    variables: dict[str, str] | UnsetType = UNSET
    description: str | UnsetType = UNSET


class TaskQuery(Request):
    """Which tasks to list."""

    status: Literal["queued", "running", "completed", "failed"] | UnsetType = UNSET
    assigned_to: str | UnsetType = UNSET
    batch_id: str | UnsetType = UNSET
    type_id: str | UnsetType = UNSET
    limit: int | UnsetType = UNSET
    offset: int | UnsetType = UNSET


class NextTask(Request):
    """A worker that asks for work."""

    project_id: str
    wait_seconds: int | UnsetType = UNSET


class Completion(Request):
    """A result."""

    result: str
    outputs: dict[str, Any] | UnsetType = UNSET
    agent_name: str | UnsetType = UNSET
    lease_token: int | UnsetType = UNSET


class TaskFailure(Request):
    """A failure."""

    error: str
    can_retry: bool | UnsetType = UNSET
    agent_name: str | UnsetType = UNSET
    lease_token: int | UnsetType = UNSET


class LeaseExtension(Request):
    """Minutes to add to the end of a lease."""

    extension_minutes: int
    agent_name: str | UnsetType = UNSET
    lease_token: int | UnsetType = UNSET


class EventQuery(Request):
    """Where to begin in the stream of events."""

    after: Annotated[int, Meta(extra_json_schema={"minimum": 0})] | UnsetType = UNSET
