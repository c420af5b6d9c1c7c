"""Between messages and models: nothing gets lost, and what cannot be is refused."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from piecework.tasks.v1 import queue_pb2, work_pb2

from kit.errors import InvalidInput, NotFound
from kit.timestamps import from_duration, from_timestamp
from services.tasks.queue.convert import from_claim, from_config, from_new_type, from_task_changes, write_task
from services.tasks.work.convert import from_failure, from_new_item, to_outcome, write_item
from services.tasks.work.model import COMPLETED, WorkItem
from services.tasks.work.service import DEFAULT_LEASE_MS, DEFAULT_PRIORITY
from services.tasks.work.steps import Claim, Ending, end, hand_out
from tests.unit.tasks.items import NOW, make_item

PAYLOAD = {
    "type_id": "t",
    "type_name": "audit",
    "description": "d",
    "instructions": "i",
    "variables": {"a": "1"},
}


def _task(item: WorkItem) -> queue_pb2.Task:
    message = queue_pb2.Task()
    write_task(message, item)
    return message


def _message(item: WorkItem) -> work_pb2.WorkItem:
    message = work_pb2.WorkItem()
    write_item(message, item)
    return message


def test_a_new_item_has_defaults() -> None:
    new = from_new_item(work_pb2.NewWorkItem(payload_json="{}"), "items[0]")
    assert (new.item_id, new.priority, new.available_at) == (None, DEFAULT_PRIORITY, None)
    assert (new.max_attempts, new.lease_ms) == (1, DEFAULT_LEASE_MS)
    message = work_pb2.NewWorkItem(payload_json="{}", lease_duration=Duration(seconds=1, nanos=500_000_000))
    assert from_new_item(message, "items[0]").lease_ms == 1500


@pytest.mark.parametrize("seconds", [10**12, -(10**12), 253402300800])
def test_times_outside_the_calendar_are_refused(seconds: int) -> None:
    message = work_pb2.NewWorkItem(payload_json="{}", available_at=Timestamp(seconds=seconds))
    with pytest.raises(InvalidInput) as caught:
        from_new_item(message, "items[3]")
    assert caught.value.violations[0].field == "items[3].available_at"


def test_payloads_of_clients_stay_text_and_those_of_features_become_it() -> None:
    text = '{"b": 1,  "a": 12345678901234567890123}'
    new = from_new_item(work_pb2.NewWorkItem(payload_json=text), "items[0]")
    assert _message(make_item(payload=new.payload)).payload_json == text
    assert json.loads(_message(make_item(payload=PAYLOAD)).payload_json) == PAYLOAD


def test_a_task_shows_its_item() -> None:
    leased = hand_out(make_item(queue="project:p", payload=PAYLOAD, max_attempts=4), "a", NOW, seat=True).after
    task = _task(leased)
    assert (task.project_id, task.type_id, task.type_name, task.max_retries) == ("p", "t", "audit", 3)
    assert (task.lease.holder, task.lease.token) == ("a", 1)
    assert from_timestamp(task.assigned_at) == NOW
    done = end(leased, Claim(), Ending(COMPLETED, "r", '{"x":1}'), NOW + timedelta(seconds=1))
    assert done is not None
    shown = _task(done.after)
    assert not shown.HasField("lease")
    assert (shown.result, shown.outputs_json) == ("r", '{"x":1}')
    assert from_timestamp(shown.assigned_at) == NOW
    assert from_timestamp(shown.ended_at) == NOW + timedelta(seconds=1)


def test_an_item_shows_its_times_its_lease_and_its_attempts() -> None:
    leased = hand_out(make_item(lease_ms=61_500), "a", NOW, seat=True).after
    done = end(leased, Claim(), Ending(COMPLETED, "r", '{"x":1}'), NOW + timedelta(seconds=1))
    assert done is not None
    waiting, held, ended = _message(make_item()), _message(leased), _message(done.after)
    assert from_duration(held.lease_duration) == timedelta(milliseconds=61_500)
    assert (held.lease.holder, held.lease.token) == ("a", 1)
    assert from_timestamp(held.lease.expires_at) == NOW + timedelta(milliseconds=61_500)
    assert [from_timestamp(attempt.started_at) for attempt in ended.attempts] == [NOW]
    assert [attempt.result for attempt in ended.attempts] == ["r"]
    assert from_timestamp(ended.ended_at) == NOW + timedelta(seconds=1)
    # What is not there is not set: a reader tells it from the first second of 1970.
    assert not any((waiting.HasField("lease"), waiting.HasField("ended_at"), ended.HasField("lease")))
    assert not held.attempts[0].HasField("ended_at")


def test_what_is_not_set_is_not_changed() -> None:
    assert from_config(queue_pb2.ProjectConfig()) == {}
    assert from_config(queue_pb2.ProjectConfig(require_key=False)) == {"require_key": False}
    assert from_task_changes(queue_pb2.UpdateTaskRequest(task_id="t")) == {}
    empty = queue_pb2.UpdateTaskRequest(task_id="t", instructions="", variables=queue_pb2.VariableValues())
    assert from_task_changes(empty) == {"instructions": "", "variables": {}}
    new = from_new_type(queue_pb2.CreateTaskTypeRequest(name="n", max_retries=0))
    assert (new.max_retries, new.template, new.duplicate_handling) == (0, None, None)


def test_claims() -> None:
    assert from_claim(queue_pb2.TaskLeaseRef(task_id="t")) == Claim(None, None)
    assert from_claim(queue_pb2.TaskLeaseRef(task_id="t", agent_name="a", lease_token=3)) == Claim("a", 3)


def test_a_failure_says_whether_and_when_to_try_again() -> None:
    lease = work_pb2.LeaseRef(item_id="i", token=2)
    wait = Duration(seconds=1)
    item_id, token, ending = from_failure(work_pb2.Failure(lease=lease, error="e", can_retry=True, retry_after=wait))
    assert (item_id, token, ending.can_retry, ending.retry_after) == ("i", 2, True, timedelta(seconds=1))
    assert from_failure(work_pb2.Failure(lease=lease))[2].can_retry is False


def test_outcomes() -> None:
    assert to_outcome(make_item()) == work_pb2.Outcome()
    assert to_outcome(NotFound("ITEM_NOT_FOUND", "gone")) == work_pb2.Outcome(reason="ITEM_NOT_FOUND", message="gone")
