"""What a new or changed task looks like, before it is written."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from kit.ids import new_id
from services.tasks.queue.errors import instructions_too_long, variables_missing
from services.tasks.queue.model import (
    ALLOW,
    MAX_INSTRUCTIONS,
    NewTask,
    Project,
    TaskPayload,
    TaskType,
    dedupe_key,
    fill_in,
    template_variables,
)
from services.tasks.work.model import QUEUED, WorkItem
from services.tasks.work.service import DEFAULT_PRIORITY


class Draft(msgspec.Struct, frozen=True):
    """A task about to be stored, and what it was made from."""

    item: WorkItem
    task_type: TaskType
    variables: dict[str, str]


def draft_task(
    project: Project, task_type: TaskType, new: NewTask, batch: str, idempotency: str | None, now: datetime
) -> Draft:
    """Return the work item of a new task.

    Raises:
        InvalidInput: TEMPLATE_VARIABLES_MISSING, INSTRUCTIONS_TOO_LONG.
    """
    payload = TaskPayload(
        type_id=task_type.id,
        type_name=task_type.name,
        description=new.description or f"Task of type {task_type.name}",
        instructions=_instructions(task_type, new.instructions, new.variables),
        variables=new.variables,
    )
    item = WorkItem(
        id=new_id(),
        queue=project.queue,
        operator_id=project.operator_id,
        state=QUEUED,
        priority=DEFAULT_PRIORITY,
        available_at=now,
        lease_ms=task_type.lease_ms,
        max_attempts=task_type.max_retries + 1,
        created_at=now,
        updated_at=now,
        payload=msgspec.structs.asdict(payload),
        kind=task_type.id,
        batch=batch or None,
        dedupe=_dedupe(task_type, new.variables),
        idempotency=idempotency,
    )
    return Draft(item, task_type, new.variables)


def revise(item: WorkItem, task_type: TaskType, changes: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a work item that change when its task's `changes` are made.

    Instructions made from a template change with the variables only: a new title does not bring a new template.

    Raises:
        InvalidInput: TEMPLATE_VARIABLES_MISSING, INSTRUCTIONS_TOO_LONG.
    """
    payload = {**item.payload, **changes}
    if task_type.template is not None and "variables" not in changes:
        payload["instructions"] = item.payload["instructions"]
    else:
        payload["instructions"] = _instructions(task_type, payload["instructions"], payload["variables"])
    return {"payload": payload, "dedupe": _dedupe(task_type, payload["variables"])}


def _instructions(task_type: TaskType, given: str | None, variables: Mapping[str, str]) -> str:
    if task_type.template is None:
        return given or ""
    missing = [name for name in template_variables(task_type.template) if name not in variables]
    if missing:
        raise variables_missing(missing)
    text = fill_in(task_type.template, variables)
    if len(text) > MAX_INSTRUCTIONS:
        raise instructions_too_long(MAX_INSTRUCTIONS)
    return text


def _dedupe(task_type: TaskType, variables: Mapping[str, str]) -> str | None:
    if task_type.duplicate_handling == ALLOW:
        return None
    return dedupe_key(task_type.id, variables)
