"""Between the messages of the work engine and its model.

Messages are written where they belong, in the answer: to make each part by itself and copy it there costs three times
as much, for every item of a batch.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from piecework.tasks.v1 import work_pb2 as pb

from kit.errors import DomainError, FieldViolation, InvalidInput
from kit.timestamps import from_duration, from_timestamp, write_milliseconds, write_timestamp
from services.tasks.work.model import COMPLETED, FAILED, LEASED, QUEUED, TIMEOUT, Attempt, Lease, WorkItem
from services.tasks.work.service import DEFAULT_LEASE_MS, DEFAULT_PRIORITY, NewItem
from services.tasks.work.steps import Ending

STATES = {
    QUEUED: pb.WORK_STATE_QUEUED,
    LEASED: pb.WORK_STATE_LEASED,
    COMPLETED: pb.WORK_STATE_COMPLETED,
    FAILED: pb.WORK_STATE_FAILED,
}
STATE_NAMES = {number: name for name, number in STATES.items()}
# Payloads of clients are kept as the text they came in: BSON knows neither large integers nor every key or depth.
_JSON = "json"
_OUTCOMES = {
    COMPLETED: pb.ATTEMPT_OUTCOME_COMPLETED,
    FAILED: pb.ATTEMPT_OUTCOME_FAILED,
    TIMEOUT: pb.ATTEMPT_OUTCOME_TIMEOUT,
    None: pb.ATTEMPT_OUTCOME_UNSPECIFIED,
}


def json_object(text: str, field: str) -> dict[str, Any]:
    """Return the JSON object that `text` holds.

    Raises:
        InvalidInput: VALIDATION_FAILED for `field`, when it is something else.
    """
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        violation = FieldViolation(field, "must be a JSON object", "json.object")
        raise InvalidInput("VALIDATION_FAILED", f"{field}: must be a JSON object", violations=[violation]) from error


def from_new_item(message: pb.NewWorkItem, field: str) -> NewItem:
    """Return what a new item says."""
    json_object(message.payload_json, f"{field}.payload_json")
    return NewItem(
        payload={_JSON: message.payload_json},
        item_id=message.id or None,
        priority=message.priority or DEFAULT_PRIORITY,
        available_at=_time(message.available_at, f"{field}.available_at") if message.HasField("available_at") else None,
        max_attempts=message.max_attempts or 1,
        lease_ms=_milliseconds(message) if message.HasField("lease_duration") else DEFAULT_LEASE_MS,
    )


def from_completion(message: pb.Completion, field: str) -> tuple[str, int, Ending]:
    """Return item, token and ending of a result."""
    if message.outputs_json:
        json_object(message.outputs_json, f"{field}.outputs_json")
    ending = Ending(COMPLETED, message.result, message.outputs_json or None)
    return message.lease.item_id, message.lease.token, ending


def from_failure(message: pb.Failure) -> tuple[str, int, Ending]:
    """Return item, token and ending of a failure."""
    wait = from_duration(message.retry_after)
    ending = Ending(FAILED, message.error, can_retry=message.can_retry, retry_after=wait)
    return message.lease.item_id, message.lease.token, ending


def to_outcome(outcome: WorkItem | DomainError) -> pb.Outcome:
    """Return what became of one entry."""
    if isinstance(outcome, DomainError):
        return pb.Outcome(reason=outcome.reason, message=outcome.message)
    return pb.Outcome()


def write_lease(message: pb.Lease, lease: Lease) -> None:
    """Write a lease into `message`."""
    message.holder = lease.holder
    message.token = lease.token
    write_timestamp(message.expires_at, lease.expires_at)


def write_attempt(message: pb.Attempt, attempt: Attempt) -> None:
    """Write an attempt into `message`."""
    message.id = attempt.id
    message.holder = attempt.holder
    message.token = attempt.token
    write_timestamp(message.started_at, attempt.started_at)
    write_timestamp(message.lease_expires_at, attempt.lease_expires_at)
    if attempt.ended_at:
        write_timestamp(message.ended_at, attempt.ended_at)
    message.outcome = _OUTCOMES[attempt.outcome]
    message.result = attempt.result


def write_item(message: pb.WorkItem, item: WorkItem) -> None:
    """Write an item into `message`."""
    message.id = item.id
    message.queue = item.queue
    message.operator_id = item.operator_id
    message.state = STATES[item.state]
    message.priority = item.priority
    write_timestamp(message.available_at, item.available_at)
    message.failures = item.failures
    message.max_attempts = item.max_attempts
    write_milliseconds(message.lease_duration, item.lease_ms)
    message.payload_json = _payload_json(item)
    write_history(message, item)
    message.version = item.version


def write_history(message: Any, item: WorkItem) -> None:
    """Write what has become of an item so far into `message`, which calls these things as `WorkItem` does."""
    if item.lease:
        write_lease(message.lease, item.lease)
    for attempt in item.attempts:
        write_attempt(message.attempts.add(), attempt)
    message.result = item.result or ""
    message.outputs_json = item.outputs_json or ""
    write_timestamp(message.created_at, item.created_at)
    write_timestamp(message.updated_at, item.updated_at)
    if item.ended_at:
        write_timestamp(message.ended_at, item.ended_at)


def _payload_json(item: WorkItem) -> str:
    text: str | None = item.payload.get(_JSON)
    return msgspec.json.encode(item.payload).decode() if text is None else text


def _time(message: Timestamp, field: str) -> datetime:
    try:
        return from_timestamp(message)
    except OverflowError as error:
        violation = FieldViolation(field, "must be a time between the years 1 and 9999", "timestamp.range")
        raise InvalidInput("VALIDATION_FAILED", f"{field}: {violation.message}", violations=[violation]) from error


def _milliseconds(message: pb.NewWorkItem) -> int:
    return from_duration(message.lease_duration) // timedelta(milliseconds=1)
