"""Between the messages of the work engine and its model."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from piecework.tasks.v1 import work_pb2 as pb

from kit.errors import DomainError, FieldViolation, InvalidInput
from kit.timestamps import from_duration, from_timestamp, to_duration, to_timestamp
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


def to_lease(lease: Lease) -> pb.Lease:
    """Return a lease as a message."""
    return pb.Lease(holder=lease.holder, token=lease.token, expires_at=to_timestamp(lease.expires_at))


def to_attempt(attempt: Attempt) -> pb.Attempt:
    """Return an attempt as a message."""
    return pb.Attempt(
        id=attempt.id,
        holder=attempt.holder,
        token=attempt.token,
        started_at=to_timestamp(attempt.started_at),
        lease_expires_at=to_timestamp(attempt.lease_expires_at),
        ended_at=to_timestamp(attempt.ended_at) if attempt.ended_at else None,
        outcome=_OUTCOMES[attempt.outcome],
        result=attempt.result,
    )


def to_work_item(item: WorkItem) -> pb.WorkItem:
    """Return an item as a message."""
    return pb.WorkItem(
        id=item.id,
        queue=item.queue,
        operator_id=item.operator_id,
        state=STATES[item.state],
        priority=item.priority,
        available_at=to_timestamp(item.available_at),
        failures=item.failures,
        max_attempts=item.max_attempts,
        lease_duration=to_duration(timedelta(milliseconds=item.lease_ms)),
        lease=to_lease(item.lease) if item.lease else None,
        payload_json=_payload_json(item),
        attempts=[to_attempt(attempt) for attempt in item.attempts],
        result=item.result or "",
        outputs_json=item.outputs_json or "",
        created_at=to_timestamp(item.created_at),
        updated_at=to_timestamp(item.updated_at),
        ended_at=to_timestamp(item.ended_at) if item.ended_at else None,
        version=item.version,
    )


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
