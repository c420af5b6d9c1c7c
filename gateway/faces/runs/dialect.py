"""What answers of the runs face look like: data as it is, and one body for all errors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType

from gateway.errors import Detail, Failure
from gateway.faces.runs import errors

if TYPE_CHECKING:
    from gateway.call import Call
    from gateway.routing import Route
    from kit.errors import DomainError

_PATH_NAMES = re.compile(r"taskId|threadId|fileId|keyId|runId")


class BrokenRule(msgspec.Struct):
    """One field that is wrong, as RFC 7807 documents of the real service list it."""

    location: str
    message: str
    value: Any = UNSET


class RunsError(msgspec.Struct):
    """Every error answer. `error`, `message` and `detail` are the same sentence, for clients of every age."""

    error: str
    message: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[BrokenRule] | UnsetType = UNSET


class RunsDialect:
    """Writes data and errors as the runs face documents them."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def success(self, data: Any, correlation_id: str) -> bytes:  # noqa: ARG002 - it is in a header
        """Return the body of an answer."""
        return self._encode(data)

    def failure(self, failure: Failure, correlation_id: str) -> bytes:  # noqa: ARG002 - it is in a header
        """Return the body of an error."""
        text = failure.message
        broken = [_broken(detail) for detail in failure.details] or UNSET
        title = HTTPStatus(failure.status).phrase
        return self._encode(RunsError(text, text, title, failure.status, text, failure.reason or "INTERNAL", broken))

    def translate(self, failure: Failure) -> Failure:
        """Return a failure of the edge as this face documents it."""
        return errors.of_edge(failure)

    def refusal(self, error: DomainError, call: Call, route: Route) -> Failure:  # noqa: ARG002
        """Return the failure that a service's refusal means."""
        return errors.of_service(error, call)

    def invalid(self, details: Sequence[Detail], route: Route) -> Failure:  # noqa: ARG002
        """Return the failure of a request that breaks rules, all of them told."""
        return errors.invalid(details)

    def bad_key(self, key: str) -> Failure:  # noqa: ARG002
        """Return the failure of a request whose idempotency key cannot be one."""
        return errors.failed(400, "INVALID_REQUEST", "Idempotency-Key must be 1 to 255 visible ASCII characters")

    def success_type(self, data: Any) -> Any:
        """Return the type of the body of an answer, for the documentation."""
        return data

    @property
    def failure_type(self) -> Any:
        """The type of the body of an error, for the documentation."""
        return RunsError


def _broken(detail: Detail) -> BrokenRule:
    place = "path" if _PATH_NAMES.fullmatch(detail.field) else "body"
    return BrokenRule(f"{place}.{detail.field}", errors.sentence(detail), _printable(detail.value))


def _printable(value: Any) -> Any:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if isinstance(value, str) else value
