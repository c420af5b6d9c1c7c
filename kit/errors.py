"""The errors of the domain, raised by services and turned into a gRPC status in one place (`kit.status`).

DomainError
├── InvalidInput        a value breaks a rule                       INVALID_ARGUMENT
├── Unauthenticated     no caller, or one that is no longer valid   UNAUTHENTICATED
├── PermissionDenied    the caller may not do this                  PERMISSION_DENIED
├── NotFound            the thing does not exist                    NOT_FOUND
├── AlreadyExists       a unique name or key is taken               ALREADY_EXISTS
├── WrongState          the thing is not in a state that allows it  FAILED_PRECONDITION
├── Conflict            a concurrent change or a stale token won    ABORTED
├── Exhausted           a limit or quota is used up                 RESOURCE_EXHAUSTED
└── Unavailable         a peer or engine cannot be reached now      UNAVAILABLE
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec


class FieldViolation(msgspec.Struct, frozen=True):
    """One rule broken by one field.

    Attributes:
        field: path of the field in the request message, for example `config.lease_minutes` or `tasks[3].type_id`.
        message: what is wrong, in a sentence fit for the caller.
        rule: stable identifier of the rule, for example `string.max_len`.
    """

    field: str
    message: str
    rule: str = ""


class DomainError(Exception):
    """A failure that the caller can understand.

    Args:
        reason: stable machine name in UPPER_SNAKE_CASE, unique within the service, for example `TASK_NOT_FOUND`.
        message: one sentence for a person.
        metadata: facts about this failure, string to string; never a secret.
        violations: the fields at fault, when the input is.
        retry_after_seconds: when trying again makes sense, if known.
    """

    code: ClassVar[str] = "UNKNOWN"  # the name of a gRPC status code; the domain itself knows no gRPC

    def __init__(
        self,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after_seconds = retry_after_seconds


class InvalidInput(DomainError):
    """A value breaks a rule."""

    code = "INVALID_ARGUMENT"


class Unauthenticated(DomainError):
    """There is no caller, or one that is no longer valid."""

    code = "UNAUTHENTICATED"


class PermissionDenied(DomainError):
    """The caller may not do this."""

    code = "PERMISSION_DENIED"


class NotFound(DomainError):
    """The thing does not exist, or the caller may not know that it does."""

    code = "NOT_FOUND"


class AlreadyExists(DomainError):
    """A unique name or key is taken."""

    code = "ALREADY_EXISTS"


class WrongState(DomainError):
    """The thing is not in a state that allows it."""

    code = "FAILED_PRECONDITION"


class Conflict(DomainError):
    """A concurrent change or a newer fencing token won."""

    code = "ABORTED"


class Exhausted(DomainError):
    """A limit or quota is used up."""

    code = "RESOURCE_EXHAUSTED"


class Unavailable(DomainError):
    """A peer or an engine cannot be reached now."""

    code = "UNAVAILABLE"
