"""Batches of items: handed out together, ended together, each with an outcome of its own."""

from __future__ import annotations

import pytest
from piecework.tasks.v1 import work_pb2 as pb

from kit.errors import AlreadyExists
from kit.ids import new_id
from tests.service.hosting import refused
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.platform import STRANGER, Queue, TasksPlatform
from tests.service.tasks.work_calls import SERVICE, complete, completion, enqueue, fail, get, lease, new


@pytest.fixture
def pool() -> str:
    return f"pool:{new_id()}"


async def lose_an_answer(platform: TasksPlatform, command: str) -> None:
    """Have the server not confirm the next such command, though it lands."""
    data = {
        "failCommands": [command],
        "namespace": platform.database["work_items"].full_name,
        "writeConcernError": {"code": 91, "errmsg": "shutting down"},
    }
    fault = {"configureFailPoint": "failCommand", "mode": {"times": 1}, "data": data}
    await platform.database.client.admin.command(fault)


async def test_items_are_leased_and_completed_in_batches(platform: TasksPlatform, pool: str) -> None:
    ids = await enqueue(platform, pool, *(new(number) for number in range(250)))
    leased = [item for _ in range(3) for item in await lease(platform, pool, 100)]
    assert [item.id for item in leased] == ids
    assert [item.payload_json for item in leased[:2]] == ['{"number":0}', '{"number":1}']
    assert {(item.lease.holder, item.lease.token, item.state) for item in leased} == {("w", 1, pb.WORK_STATE_LEASED)}
    assert await complete(platform, *(completion(item) for item in leased)) == [""] * 250
    assert {(await get(platform, item_id)).state for item_id in ids[::50]} == {pb.WORK_STATE_COMPLETED}
    assert await lease(platform, pool) == []


async def test_a_batch_is_accepted_in_part(platform: TasksPlatform, pool: str) -> None:
    await enqueue(platform, pool, *(new() for _ in range(4)))
    good, stale, done, queued = await lease(platform, pool, 4)
    await complete(platform, completion(done, "before"))
    await fail(platform, pb.Failure(lease=pb.LeaseRef(item_id=queued.id, token=1), can_retry=True))
    unknown = pb.WorkItem(id=new_id(), lease=pb.Lease(token=1))
    outcomes = await complete(
        platform,
        completion(unknown),
        completion(good),
        completion(stale, token=2),
        completion(done, "again"),
        completion(queued),
        completion(good),
    )
    assert outcomes == ["ITEM_NOT_FOUND", "", "STALE_TOKEN", "NOT_LEASED", "NOT_LEASED", ""]
    assert (await get(platform, good.id)).state == pb.WORK_STATE_COMPLETED
    assert (await get(platform, stale.id)).state == pb.WORK_STATE_LEASED


async def test_what_is_wrong_with_one_entry_is_not_wrong_with_the_others(
    platform: TasksPlatform, replica: TasksPlatform, pool: str, queue: Queue
) -> None:
    await enqueue(platform, pool, new(), new())
    await enqueue(platform, pool, new(), caller=STRANGER)
    here, elsewhere = await lease(platform, pool), await lease(replica, pool)
    theirs = await lease(platform, pool, caller=STRANGER)
    await platform.new_tasks(queue, 1)
    closed = await lease(platform, queue.name)
    await platform.close_project(queue.project_id)
    entries = [completion(item) for item in theirs + closed + here + elsewhere]
    assert await complete(platform, *entries) == ["OTHER_OPERATOR", "PROJECT_CLOSED", "", ""]
    states = [(await get(platform, item.id, SERVICE)).state for item in theirs + closed + here + elsewhere]
    assert states == [pb.WORK_STATE_LEASED] * 2 + [pb.WORK_STATE_COMPLETED] * 2


async def test_a_batch_that_was_leased_here_ends_with_one_write(
    watched: TasksPlatform, commands: CommandRecorder, pool: str
) -> None:
    await enqueue(watched, pool, *(new() for _ in range(50)))
    leased = await lease(watched, pool, 50)
    commands.commands.clear()
    assert await complete(watched, *(completion(item) for item in leased)) == [""] * 50
    of_this_pool = [command for command in commands.commands if leased[0].id in str(command)]
    assert [(next(iter(command)), len(command["updates"])) for command in of_this_pool] == [("update", 50)]


async def test_a_batch_whose_answer_was_lost_counts_once(platform: TasksPlatform, pool: str) -> None:
    await enqueue(platform, pool, new(), new())
    leased = await lease(platform, pool, 2)
    await lose_an_answer(platform, "update")
    assert await complete(platform, *(completion(item) for item in leased)) == ["", ""]
    ended = [await get(platform, item.id) for item in leased]
    assert [(item.state, len(item.attempts), item.version) for item in ended] == [(pb.WORK_STATE_COMPLETED, 1, 3)] * 2


async def test_new_items_whose_answer_was_lost_are_there_once(platform: TasksPlatform, pool: str) -> None:
    (taken,) = await enqueue(platform, pool, new())
    platform.pass_time(milliseconds=1)
    await lose_an_answer(platform, "insert")
    ids = await enqueue(platform, pool, new(), new(id=new_id()))
    await lose_an_answer(platform, "insert")
    with refused("ITEM_EXISTS", AlreadyExists):
        await enqueue(platform, pool, new(id=taken))
    assert {item.id for item in await lease(platform, pool, 9)} == {taken, *ids}
