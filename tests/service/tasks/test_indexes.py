"""Every query of the service uses an index: the commands that it really sends are explained by the server."""

from __future__ import annotations

from datetime import timedelta

from piecework.tasks.v1 import queue_pb2 as pb
from piecework.tasks.v1 import work_pb2 as work

from kit.ids import new_id
from kit.mongo import Document
from kit.timestamps import to_duration
from tests.service.explaining import all_by_index
from tests.service.tasks.commands import CommandRecorder
from tests.service.tasks.platform import OWNER, Queue, TasksPlatform

# Those that run for every task sort by their index.
HOT = ("find", "aggregate", "update", "findAndModify")


def sorts_little(command: Document) -> bool:
    return next(iter(command)) not in HOT or "$group" in str(command)


async def use_everything(platform: TasksPlatform) -> None:
    """Call whatever asks the database for something."""
    queue = await platform.new_queue(duplicate_handling=pb.DUPLICATE_HANDLING_IGNORE)
    await use_tasks(platform, queue)
    await use_projects_and_types(platform, queue)
    await use_work(platform)
    await platform.resources.registry.refresh()
    await platform.app.reaper.tick()
    platform.pass_time(minutes=30)
    await platform.app.reaper.tick()
    await platform.cleanup(queue)
    await platform.call(platform.queue.DeleteProject, pb.DeleteProjectRequest(project_id=queue.project_id))
    platform.pass_time(minutes=1)
    await platform.app.projects.remove_condemned()


async def use_tasks(platform: TasksPlatform, queue: Queue) -> None:
    for _ in range(2):
        await platform.new_task(queue, variables={"a": "1"}, key=new_id())
    for number in range(5):
        await platform.new_task(queue, variables={"n": str(number)})
    held = [await platform.next(queue, agent) for agent in ("a", "b", "c", "d", "a")]
    first, second, third, _, _ = [task.id if task else "" for task in held]
    await platform.extend(third, 1, "c")
    await platform.complete(first, "a", token=1)
    await platform.complete(first, "a", token=1)
    await platform.fail(second, "b", can_retry=False)
    for fields in ({}, {"state": work.WORK_STATE_QUEUED}, {"assigned_to": "c"}, {"type_id": queue.type_id}):
        await platform.tasks(queue, **fields)
    await platform.tasks(queue, batch_id="b")
    items = [pb.NewTask(type_id=queue.type_id, variables={"b": str(number)}) for number in range(3)]
    request = pb.CreateTasksRequest(project_id=queue.project_id, tasks=items, batch_id="b")
    made = (await platform.call(platform.queue.CreateTasks, request)).tasks
    await platform.call(platform.queue.GetBatch, pb.GetBatchRequest(project_id=queue.project_id, batch_id="b"))
    await platform.call(platform.queue.UpdateTask, pb.UpdateTaskRequest(task_id=made[0].id, description="x"))
    await platform.call(platform.queue.DeleteTask, pb.DeleteTaskRequest(task_id=made[1].id))
    await platform.get(made[2].id)


async def use_projects_and_types(platform: TasksPlatform, queue: Queue) -> None:
    named = {"project_id": queue.project_id}
    await platform.call(platform.queue.GetProject, pb.GetProjectRequest(**named))
    await platform.call(platform.queue.ListProjects, pb.ListProjectsRequest(status=pb.PROJECT_STATUS_ACTIVE))
    await platform.call(platform.queue.ListProjects, pb.ListProjectsRequest())
    await platform.update_project(queue.project_id, description="x")
    await platform.call(platform.queue.GetProjectStats, pb.GetProjectStatsRequest(**named))
    await platform.call(platform.queue.PeekTasks, pb.PeekTasksRequest(**named))
    await platform.call(platform.queue.ListActiveAgents, pb.ListActiveAgentsRequest(**named))
    await platform.call(platform.queue.ListTaskTypes, pb.ListTaskTypesRequest(**named))
    for handling in (pb.DUPLICATE_HANDLING_ALLOW, pb.DUPLICATE_HANDLING_FAIL):
        request = pb.UpdateTaskTypeRequest(
            type_id=queue.type_id, duplicate_handling=handling, lease_duration_minutes=handling
        )
        await platform.call(platform.queue.UpdateTaskType, request)
    other = await platform.new_type(queue.project_id)
    await platform.call(platform.queue.DeleteTaskType, pb.DeleteTaskTypeRequest(type_id=other.id))
    session = pb.OpenSessionRequest(project=(await platform.new_project("named")).name, agent_name="a")
    await platform.call(platform.queue.OpenSession, session, OWNER)


async def use_work(platform: TasksPlatform) -> None:
    items = [work.NewWorkItem(payload_json="{}", max_attempts=3) for _ in range(20)]
    await platform.call(platform.work.Enqueue, work.EnqueueRequest(queue="pool:a", items=items))
    leased = await platform.call(platform.work.Lease, work.LeaseRequest(queue="pool:a", holder="w", max_items=10))
    refs = [work.LeaseRef(item_id=item.id, token=item.lease.token) for item in leased.items]
    completions = [work.Completion(lease=ref) for ref in refs[:5]]
    await platform.call(platform.work.Complete, work.CompleteRequest(completions=completions))
    failures = [work.Failure(lease=ref, can_retry=True) for ref in refs[5:8]]
    await platform.call(platform.work.Fail, work.FailRequest(failures=failures))
    extension = work.ExtendRequest(lease=refs[9], extension=to_duration(timedelta(seconds=1)))
    await platform.call(platform.work.Extend, extension)
    await platform.call(platform.work.GetItem, work.GetItemRequest(item_id=refs[9].item_id))


async def fill(platform: TasksPlatform) -> None:
    """Store so much that a plan without an index would not be chosen because it is as good."""
    for _ in range(3):
        queue = await platform.new_queue()
        await platform.new_tasks(queue, 500)


async def test_no_query_reads_a_whole_collection(watched: TasksPlatform, commands: CommandRecorder) -> None:
    await fill(watched)
    commands.commands.clear()
    await use_everything(watched)
    seen = await all_by_index(
        watched.database, commands, lambda bare: next(iter(bare)) not in HOT or "$group" in str(bare)
    )
    assert {name for name, _ in seen} >= {"find", "aggregate", "update", "delete", "distinct", "findAndModify"}
    assert {collection for _, collection in seen} == {"work_items", "projects", "task_types"}
