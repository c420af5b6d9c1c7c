"""The envelope of the queue face, and its words for the states of things."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType
from piecework.tasks.v1 import queue_pb2, work_pb2

from gateway.errors import Detail, Failure, from_domain, invalid
from gateway.shape import shown
from gateway.times import Time, now_text
from gateway.words import enum_words

if TYPE_CHECKING:
    from gateway.call import Call
    from gateway.routing import Route
    from kit.errors import DomainError

_PROJECT_STATUS = enum_words(queue_pb2.ProjectStatus.DESCRIPTOR)
_WORK_STATE = enum_words(work_pb2.WorkState.DESCRIPTOR, {"leased": "running"})
_DUPLICATES = enum_words(queue_pb2.DuplicateHandling.DESCRIPTOR)

WORDS = {
    queue_pb2.ProjectStatus.DESCRIPTOR.full_name: {**_PROJECT_STATUS, "all": 0},
    work_pb2.WorkState.DESCRIPTOR.full_name: _WORK_STATE,
    queue_pb2.DuplicateHandling.DESCRIPTOR.full_name: _DUPLICATES,
}
PROJECT_STATUS: dict[int, Any] = {number: word for word, number in _PROJECT_STATUS.items()}
TASK_STATUS: dict[int, Any] = {number: word for word, number in _WORK_STATE.items()}
DUPLICATE_HANDLING: dict[int, Any] = {number: word for word, number in _DUPLICATES.items()}


class Envelope(msgspec.Struct):
    """What every answer is wrapped in. `error` is there when nothing is wrong but there is no task."""

    success: bool
    data: Any
    timestamp: Time
    error: str | UnsetType = UNSET


class ErrorBody(msgspec.Struct, rename="camel"):
    """Every error answer. `validationDetails` is there when fields of the request are at fault."""

    success: Literal[False]
    error: str
    timestamp: Time
    correlation_id: str
    validation_details: list[Detail] | UnsetType = UNSET


class Refused(msgspec.Struct):
    """Data that is answered with `success: false` and a sentence."""

    data: Any
    error: str


class QueueDialect:
    """Wraps data and errors as the queue face documents them."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode

    def success(self, data: Any, correlation_id: str) -> bytes:  # noqa: ARG002 - it is in a header
        """Return the body of an answer."""
        if type(data) is Refused:
            return self.unsuccessful(data.data, data.error)
        return self._encode(Envelope(True, data, now_text()))  # noqa: FBT003

    def unsuccessful(self, data: Any, error: str) -> bytes:
        """Return the body of an answer that has data all the same, but no success."""
        return self._encode(Envelope(False, data, now_text(), error))  # noqa: FBT003

    def failure(self, failure: Failure, correlation_id: str) -> bytes:
        """Return the body of an error."""
        details = list(failure.details) or UNSET
        return self._encode(ErrorBody(False, failure.message, now_text(), correlation_id, details))  # noqa: FBT003

    def translate(self, failure: Failure) -> Failure:
        """Return a failure of the edge: its words are those of this face."""
        return failure

    def refusal(self, error: DomainError, call: Call, route: Route) -> Failure:  # noqa: ARG002
        """Return the failure that a service's refusal means."""
        return from_domain(error)

    def invalid(self, details: Sequence[Detail], route: Route) -> Failure:  # noqa: ARG002
        """Return the failure of a request that breaks rules, all of them told."""
        return invalid(details)

    def bad_key(self, key: str) -> Failure:
        """Return the failure of a request whose idempotency key cannot be one."""
        message = '"Idempotency-Key" must be 1 to 255 visible ASCII characters'
        return invalid([Detail("Idempotency-Key", message, shown(key))])

    def success_type(self, data: Any) -> Any:
        """Return the type of the body of an answer, for the documentation."""
        items = getattr(data, "__args__", ())
        name = f"{items[0].__name__}ListAnswer" if items else f"{data.__name__}Answer"
        fields: list[Any] = [("success", bool), ("data", data), ("timestamp", Time), ("error", str | UnsetType, UNSET)]
        return msgspec.defstruct(name, fields)

    @property
    def failure_type(self) -> Any:
        """The type of the body of an error, for the documentation."""
        return ErrorBody
