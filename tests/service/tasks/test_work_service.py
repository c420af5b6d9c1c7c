"""The work engine by itself: items on queues of agents and pools."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from piecework.tasks.v1 import queue_pb2
from piecework.tasks.v1 import work_pb2 as pb

from kit.caller import ANONYMOUS, READ, Caller
from kit.errors import AlreadyExists, Conflict, InvalidInput, NotFound, PermissionDenied, Unauthenticated, WrongState
from kit.ids import new_id
from kit.timestamps import from_timestamp, to_duration, to_timestamp
from tests.conditions import come_true
from tests.service.hosting import refused
from tests.service.tasks.platform import OWNER, STRANGER, Queue, TasksPlatform
from tests.service.tasks.work_calls import SERVICE, complete, completion, enqueue, fail, get, lease, new


@pytest.fixture
def pool() -> str:
    return f"pool:{new_id()}"


async def test_larger_priorities_go_first_and_older_items_within_one(platform: TasksPlatform, pool: str) -> None:
    priorities = [1, 5, 100, 5, 1, 100]
    ids = await enqueue(platform, pool, *(new(priority=priority) for priority in priorities))
    expected = [ids[n] for n in (2, 5, 1, 3, 0, 4)]
    assert [item.id for _ in range(3) for item in await lease(platform, pool, 2)] == expected


async def test_an_urgent_item_overtakes_what_waits(platform: TasksPlatform, pool: str) -> None:
    await enqueue(platform, pool, *(new(priority=1) for _ in range(10)))
    await lease(platform, pool)
    (urgent,) = await enqueue(platform, pool, new(priority=9))
    assert [item.id for item in await lease(platform, pool)] == [urgent]


async def test_an_item_is_not_leased_before_its_time(platform: TasksPlatform, pool: str) -> None:
    at = platform.clock.now() + timedelta(minutes=5)
    later, now = await enqueue(platform, pool, new(available_at=to_timestamp(at), priority=100), new())
    assert [item.id for item in await lease(platform, pool, 5)] == [now]
    platform.pass_time(minutes=5, milliseconds=-1)
    assert await lease(platform, pool) == []
    platform.pass_time(milliseconds=1)
    assert [item.id for item in await lease(platform, pool)] == [later]


async def test_a_failed_item_waits_before_its_next_attempt(platform: TasksPlatform, pool: str) -> None:
    await enqueue(platform, pool, new(max_attempts=2))
    (item,) = await lease(platform, pool)
    ref = pb.LeaseRef(item_id=item.id, token=1)
    failure = pb.Failure(lease=ref, error="e", can_retry=True, retry_after=to_duration(timedelta(seconds=90)))
    assert await fail(platform, failure) == [""]
    assert from_timestamp((await get(platform, item.id)).available_at) == platform.clock.now() + timedelta(seconds=90)
    platform.pass_time(seconds=89)
    assert await lease(platform, pool) == []
    platform.pass_time(seconds=1)
    (again,) = await lease(platform, pool)
    assert (again.lease.token, again.failures) == (2, 1)
    assert await fail(platform, failure) == [""]  # a repeat of the accepted failure
    assert await complete(platform, completion(item)) == ["STALE_TOKEN"]
    last = pb.Failure(lease=pb.LeaseRef(item_id=item.id, token=2), error="e", can_retry=True)
    assert await fail(platform, last) == [""]
    assert (await get(platform, item.id)).state == pb.WORK_STATE_FAILED


async def test_a_lease_lasts_as_long_as_the_item_says(platform: TasksPlatform, pool: str) -> None:
    await enqueue(platform, pool, new(lease_duration=to_duration(timedelta(seconds=2)), max_attempts=2))
    (item,) = await lease(platform, pool)
    extension = to_duration(timedelta(seconds=3))
    request = pb.ExtendRequest(lease=pb.LeaseRef(item_id=item.id, token=1), extension=extension)
    extended = (await platform.call(platform.work.Extend, request)).item
    assert from_timestamp(extended.lease.expires_at) == platform.clock.now() + timedelta(seconds=5)
    platform.pass_time(seconds=5)
    (again,) = await lease(platform, pool, holder="other")
    assert (again.id, again.lease.token) == (item.id, 2)
    with refused("STALE_TOKEN", Conflict):
        await platform.call(platform.work.Extend, request)


async def test_one_holder_may_hold_many_items(platform: TasksPlatform, pool: str) -> None:
    await enqueue(platform, pool, new(), new(), new())
    assert [len(await lease(platform, pool)) for _ in range(4)] == [1, 1, 1, 0]


async def test_many_lease_at_once_and_each_item_goes_out_once(platform: TasksPlatform, pool: str) -> None:
    ids = await enqueue(platform, pool, *(new() for _ in range(100)))
    answers = await asyncio.gather(*(lease(platform, pool, 7, holder=f"w{n}") for n in range(20)))
    assert sorted(item.id for answer in answers for item in answer) == sorted(ids)


async def test_items_belong_to_their_operator(platform: TasksPlatform, pool: str) -> None:
    (mine,) = await enqueue(platform, pool, new())
    (theirs,) = await enqueue(platform, pool, new(), caller=STRANGER)
    with refused("OTHER_OPERATOR", PermissionDenied):
        await get(platform, theirs)
    assert [item.id for item in await lease(platform, pool, 5, STRANGER)] == [theirs]
    assert [item.id for item in await lease(platform, pool, 5)] == [mine]
    leased = await get(platform, mine)
    assert await complete(platform, completion(leased), caller=STRANGER) == ["OTHER_OPERATOR"]
    with refused("OTHER_OPERATOR", PermissionDenied):
        request = pb.EnqueueRequest(queue=pool, items=[new()], operator_id=2)
        await platform.call(platform.work.Enqueue, request)
    with refused("OTHER_OPERATOR", PermissionDenied):
        extension = pb.ExtendRequest(
            lease=pb.LeaseRef(item_id=mine, token=1), extension=to_duration(timedelta(seconds=1))
        )
        await platform.call(platform.work.Extend, extension, STRANGER)


async def test_a_service_works_for_every_operator(platform: TasksPlatform, pool: str) -> None:
    with refused("OPERATOR_REQUIRED", InvalidInput):
        await platform.call(platform.work.Enqueue, pb.EnqueueRequest(queue=pool, items=[new()]), SERVICE)
    (first,) = await enqueue(platform, pool, new(), caller=SERVICE)
    (second,) = await enqueue(platform, pool, new(), caller=STRANGER)
    leased = await lease(platform, pool, 5, SERVICE)
    assert [(item.id, item.operator_id) for item in leased] == [(first, 1), (second, 2)]
    assert await complete(platform, *(completion(item) for item in leased), caller=SERVICE) == ["", ""]


async def test_scopes_count(platform: TasksPlatform, pool: str) -> None:
    reader = Caller(kind="operator", operator_id=1, scopes=(READ,))
    for call in (enqueue(platform, pool, new(), caller=reader), lease(platform, pool, caller=reader)):
        with refused("SCOPE_MISSING", PermissionDenied):
            await call
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await lease(platform, pool, caller=ANONYMOUS)


async def test_an_id_is_taken_once(platform: TasksPlatform, pool: str) -> None:
    item_id = new_id()
    await enqueue(platform, pool, new(id=item_id))
    with refused("ITEM_EXISTS", AlreadyExists):
        await enqueue(platform, pool, new(id=item_id), new())
    assert len(await lease(platform, pool, 5)) == 2


async def test_a_deleted_task_is_not_an_item_any_more(platform: TasksPlatform, queue: Queue) -> None:
    task = await platform.new_task(queue)
    (item,) = await lease(platform, queue.name)
    await platform.call(platform.queue.DeleteTask, queue_pb2.DeleteTaskRequest(task_id=task.id))
    with refused("ITEM_NOT_FOUND", NotFound):
        await get(platform, task.id)
    assert await complete(platform, completion(item)) == ["ITEM_NOT_FOUND"]
    with refused("ITEM_NOT_FOUND", NotFound):
        await get(platform, new_id())


async def test_nobody_leases_from_a_closed_project(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_tasks(queue, 2)
    (item,) = await lease(platform, queue.name)
    await platform.close_project(queue.project_id)
    with refused("PROJECT_CLOSED", WrongState):
        await lease(platform, queue.name)
    assert await complete(platform, completion(item)) == ["PROJECT_CLOSED"]


@pytest.mark.parametrize("payload", ['{"a": "\\ud800"}', "[1]", "{}x", '{"a": NaN}', "{'a': 1}", '{"a": 1e999}'])
async def test_what_is_no_json_object_is_refused(platform: TasksPlatform, pool: str, payload: str) -> None:
    with refused("VALIDATION_FAILED", InvalidInput):
        await enqueue(platform, pool, pb.NewWorkItem(payload_json=payload))
    assert await lease(platform, pool) == []


@pytest.mark.parametrize(
    "payload",
    [
        '{"$set":{"a.b":1},"":null}',
        '{"a":[1,2.50,true,"\\u0000","😀"], "b":{"c":{}}}',
        '{"a":9007199254740993, "ms":1763768000000}',
        '{"a": 123456789012345678901234567890}',
        '{"a\\u0000b": 1}',
        '{"a":' * 300 + "1" + "}" * 300,
        '{"json": "x"}',
    ],
)
async def test_payloads_come_back_as_they_were(platform: TasksPlatform, pool: str, payload: str) -> None:
    (item_id,) = await enqueue(platform, pool, pb.NewWorkItem(payload_json=payload))
    (item,) = await lease(platform, pool)
    assert item.payload_json == payload
    assert (await get(platform, item_id)).payload_json == payload


async def test_impossible_times_and_names_are_refused(platform: TasksPlatform, pool: str) -> None:
    for seconds in (10**15, -(10**15)):
        with refused("VALIDATION_FAILED", InvalidInput):
            await enqueue(platform, pool, new(available_at=Timestamp(seconds=seconds)))
    for name in ("pool:a\n", "pool:", "project:x", "x:a", "pool:a b", "pool:" + "a" * 101):
        with refused("VALIDATION_FAILED", InvalidInput):
            await enqueue(platform, name, new())


async def test_errors_of_many_attempts_fit_into_an_item(platform: TasksPlatform, pool: str) -> None:
    await enqueue(platform, pool, new(max_attempts=100))
    text = "é" * 500_000
    for token in range(1, 25):
        (item,) = await lease(platform, pool)
        failure = pb.Failure(lease=pb.LeaseRef(item_id=item.id, token=token), error=text, can_retry=True)
        assert await fail(platform, failure, failure) == ["", ""]
    failed = await get(platform, item.id)
    assert failed.result == text
    assert {attempt.result for attempt in failed.attempts} == {text[:16_384]}


async def test_a_ring_reaches_a_worker_that_can_use_the_item(platform: TasksPlatform, pool: str) -> None:
    async def wait(caller: Caller) -> list[pb.WorkItem]:
        request = pb.LeaseRequest(queue=pool, holder="w", max_items=1, wait=to_duration(timedelta(seconds=30)))
        return list((await platform.call(platform.work.Lease, request, caller)).items)

    waits = []
    for number, caller in enumerate((STRANGER, OWNER), 1):
        waits.append(asyncio.create_task(wait(caller)))
        await come_true(lambda: platform.app.doorbell.waiting(pool) >= number)  # noqa: B023 - awaited at once
    (item_id,) = await enqueue(platform, pool, new())
    async with asyncio.timeout(10):
        assert [item.id for item in await waits[1]] == [item_id]
    (theirs,) = await enqueue(platform, pool, new(), caller=STRANGER)
    async with asyncio.timeout(10):
        assert [item.id for item in await waits[0]] == [theirs]
