"""Projects and task types, and what becomes of a template. No I/O."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime

import msgspec

ACTIVE, CLOSED, DELETING = "active", "closed", "deleting"
ALLOW, IGNORE, FAIL = "allow", "ignore", "fail"
QUEUE_PREFIX = "project:"
MAX_INSTRUCTIONS = 262_144
_VARIABLE = re.compile(r"\{\{([a-zA-Z][a-zA-Z0-9_]*)\}\}")


class ProjectConfig(msgspec.Struct, frozen=True):
    """Settings of a project, with the defaults of the queue's documentation."""

    default_max_retries: int = 3
    default_lease_duration_minutes: int = 10
    reaper_interval_minutes: int = 1
    require_key: bool = False


class Project(msgspec.Struct, frozen=True, omit_defaults=True):
    """A place for tasks of one purpose, as stored.

    Attributes:
        idempotency: unique key of the request that made it.
    """

    id: str = msgspec.field(name="_id")
    operator_id: int
    name: str
    description: str
    status: str
    created_at: datetime
    updated_at: datetime
    config: ProjectConfig = msgspec.field(default_factory=ProjectConfig)
    instructions: str | None = None
    idempotency: str | None = None

    @property
    def queue(self) -> str:
        """Name of the queue that its tasks are on."""
        return QUEUE_PREFIX + self.id


class TaskType(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the tasks of one kind have in common, as stored.

    Attributes:
        idempotency: unique key of the request that made it.
    """

    id: str = msgspec.field(name="_id")
    project_id: str
    operator_id: int
    name: str
    duplicate_handling: str
    max_retries: int
    lease_duration_minutes: float
    created_at: datetime
    updated_at: datetime
    template: str | None = None
    variables: tuple[str, ...] = ()
    idempotency: str | None = None

    @property
    def lease_ms(self) -> int:
        """Length of a lease in milliseconds."""
        return round(self.lease_duration_minutes * 60_000)


class TaskPayload(msgspec.Struct, frozen=True):
    """What the work item of a task carries.

    Attributes:
        instructions: with the variables filled in.
    """

    type_id: str
    type_name: str
    description: str
    instructions: str
    variables: dict[str, str]


class NewTask(msgspec.Struct, frozen=True):
    """What a task to be made says."""

    type_id: str
    instructions: str | None
    variables: dict[str, str]
    description: str | None


def template_variables(template: str) -> tuple[str, ...]:
    """Return the names of the variables in a template, each once, sorted."""
    return tuple(sorted(set(_VARIABLE.findall(template))))


def fill_in(template: str, variables: Mapping[str, str]) -> str:
    """Return the template with every `{{name}}` replaced; a value is never looked into for further variables."""
    return _VARIABLE.sub(lambda found: variables[found.group(1)], template)


def dedupe_key(type_id: str, variables: Mapping[str, str]) -> str:
    """Return what two tasks share exactly when they have the same type and variables, in whatever order."""
    canonical = msgspec.json.encode([type_id, sorted(variables.items())])
    return hashlib.sha256(canonical).hexdigest()[:32]
