"""Why the queue refuses something."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from kit.errors import AlreadyExists, Conflict, FieldViolation, InvalidInput, NotFound, Unauthenticated, WrongState


def project_not_found(project: str) -> NotFound:
    """There is no such project."""
    return NotFound("PROJECT_NOT_FOUND", "Project not found", metadata={"project_id": project})


def task_type_not_found(type_id: str) -> NotFound:
    """There is no such type in the project."""
    return NotFound("TASK_TYPE_NOT_FOUND", "Task type not found", metadata={"type_id": type_id})


def task_not_found(task_id: str) -> NotFound:
    """There is no such task."""
    return NotFound("TASK_NOT_FOUND", "Task not found", metadata={"task_id": task_id})


def batch_not_found(batch_id: str) -> NotFound:
    """No task of the project came with that batch."""
    return NotFound("BATCH_NOT_FOUND", "Batch not found", metadata={"batch_id": batch_id})


def project_exists(name: str) -> AlreadyExists:
    """The operator has a project of that name."""
    return AlreadyExists("PROJECT_EXISTS", f"Project with name '{name}' already exists", metadata={"name": name})


def task_type_exists(name: str) -> AlreadyExists:
    """The project has a type of that name."""
    message = f"Task type with name '{name}' already exists in this project"
    return AlreadyExists("TASK_TYPE_EXISTS", message, metadata={"name": name})


def duplicate_task(type_name: str, variables: Mapping[str, str]) -> AlreadyExists:
    """A task of that type with those variables exists, and the type does not allow another."""
    shown = msgspec.json.encode(variables).decode()
    return AlreadyExists("DUPLICATE_TASK", f"Duplicate task found for type {type_name} with variables {shown}")


def project_closed(name: str) -> WrongState:
    """The project takes no work."""
    message = f"Project {name} is closed and cannot accept new tasks or agents"
    return WrongState("PROJECT_CLOSED", message, metadata={"project": name})


def task_type_in_use(name: str, count: int) -> WrongState:
    """The type still has tasks."""
    message = f"Cannot delete task type {name}: {count} tasks are using this type"
    return WrongState("TASK_TYPE_IN_USE", message, metadata={"count": str(count)})


def task_not_queued(task_id: str, state: str) -> WrongState:
    """Only a task that waits can be changed."""
    message = f"Task {task_id} is {state}; only a queued task can be changed"
    return WrongState("TASK_NOT_QUEUED", message, metadata={"state": state})


def task_not_running(task_id: str, state: str) -> WrongState:
    """No outcome can be accepted for a task that nobody holds."""
    return WrongState("TASK_NOT_RUNNING", f"Task {task_id} is not running", metadata={"state": state})


def other_agent(task_id: str, agent_name: str) -> Conflict:
    """Another worker holds the task."""
    return Conflict("OTHER_HOLDER", f"Task {task_id} is not assigned to agent {agent_name}")


def key_required() -> Unauthenticated:
    """The project asks for a key of its operator at login."""
    return Unauthenticated("KEY_REQUIRED", "This project requires an operator key to log in")


def agent_name_required() -> InvalidInput:
    """Neither the request nor the credential says which worker holds the task."""
    return _invalid("AGENT_NAME_REQUIRED", "lease.agent_name", "is required", "required")


def variables_missing(names: Sequence[str]) -> InvalidInput:
    """A template needs variables that were not given."""
    message = f"Missing required template variables: {', '.join(names)}"
    return _invalid("TEMPLATE_VARIABLES_MISSING", "variables", message, "template.missing")


def variables_unlisted(names: Sequence[str]) -> InvalidInput:
    """A template uses variables that the type does not list."""
    message = f"must list every variable of the template; missing: {', '.join(names)}"
    return _invalid("TEMPLATE_VARIABLES_UNLISTED", "variables", message, "template.unlisted")


def instructions_too_long(limit: int) -> InvalidInput:
    """The template with its variables filled in is larger than a task may be."""
    message = f"make the instructions longer than {limit} characters"
    return _invalid("INSTRUCTIONS_TOO_LONG", "variables", message, "template.too_long")


def _invalid(reason: str, field: str, message: str, rule: str) -> InvalidInput:
    return InvalidInput(reason, f"{field}: {message}", violations=[FieldViolation(field, message, rule)])
