"""Projects: make, change, list, count, delete."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from piecework.tasks.v1 import queue_pb2 as pb
from piecework.tasks.v1 import work_pb2

from kit.caller import ANONYMOUS, READ, Caller
from kit.errors import AlreadyExists, InvalidInput, NotFound, PermissionDenied, Unauthenticated, WrongState
from kit.ids import new_id
from kit.timestamps import from_duration, from_timestamp
from tests.service.hosting import refused
from tests.service.tasks.platform import OWNER, STRANGER, Queue, TasksPlatform


async def get(platform: TasksPlatform, project_id: str, caller: Caller = OWNER) -> pb.Project:
    request = pb.GetProjectRequest(project_id=project_id)
    answer: pb.Project = (await platform.call(platform.queue.GetProject, request, caller)).project
    return answer


async def listed(platform: TasksPlatform, caller: Caller = OWNER, **fields: Any) -> list[str]:
    answer = await platform.call(platform.queue.ListProjects, pb.ListProjectsRequest(**fields), caller)
    return [project.id for project in answer.projects]


async def stats(platform: TasksPlatform, queue: Queue) -> pb.GetProjectStatsResponse:
    request = pb.GetProjectStatsRequest(project_id=queue.project_id)
    answer: pb.GetProjectStatsResponse = await platform.call(platform.queue.GetProjectStats, request)
    return answer


def operator() -> Caller:
    """Return an operator that has nothing yet."""
    return Caller(kind="operator", operator_id=int(new_id()[-7:], 16) + 10, scopes=OWNER.scopes)


async def test_a_new_project_has_the_documented_defaults(platform: TasksPlatform) -> None:
    project = await platform.new_project("defaults")
    assert (project.name, project.description, project.instructions) == ("defaults", "a project", "")
    assert project.status == pb.PROJECT_STATUS_ACTIVE
    assert project.config == pb.ProjectConfig(
        default_max_retries=3, default_lease_duration_minutes=10, reaper_interval_minutes=1, require_key=False
    )
    assert project.counts == pb.TaskCounts()
    assert await get(platform, project.id) == project


async def test_names_are_unique_within_an_operator(platform: TasksPlatform) -> None:
    name = f"n-{new_id()}"
    first = await platform.new_project(name)
    await platform.new_project(name, STRANGER)
    with refused("PROJECT_EXISTS", AlreadyExists):
        await platform.new_project(name)
    await platform.close_project(first.id)
    with refused("PROJECT_EXISTS", AlreadyExists):
        await platform.new_project(name)
    other = await platform.new_project()
    with refused("PROJECT_EXISTS", AlreadyExists):
        await platform.update_project(other.id, name=name)


async def test_20_creates_of_one_name_at_once_make_one_project(platform: TasksPlatform) -> None:
    name = f"n-{new_id()}"
    answers = await asyncio.gather(*(platform.new_project(name) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(answer, pb.Project) for answer in answers) == 1


async def test_only_what_is_set_changes(platform: TasksPlatform) -> None:
    project = await platform.new_project(default_max_retries=5)
    platform.pass_time(seconds=1)
    changed = await platform.update_project(
        project.id,
        description="new",
        instructions="read me",
        config=pb.ProjectConfig(default_lease_duration_minutes=20, require_key=True),
    )
    assert (changed.name, changed.description, changed.instructions) == (project.name, "new", "read me")
    assert (changed.config.default_max_retries, changed.config.default_lease_duration_minutes) == (5, 20)
    assert changed.config.require_key
    assert from_timestamp(changed.updated_at) == platform.clock.now()
    assert await get(platform, project.id) == changed


async def test_reading_does_not_count_as_a_change(platform: TasksPlatform) -> None:
    project = await platform.new_project()
    platform.pass_time(seconds=1)
    assert (await get(platform, project.id)).updated_at == project.updated_at


async def test_projects_are_listed_newest_first_in_pages_by_status(platform: TasksPlatform) -> None:
    caller = operator()
    ids = [(await platform.new_project(caller=caller)).id for _ in range(5)]
    request = pb.UpdateProjectRequest(project_id=ids[2], status=pb.PROJECT_STATUS_CLOSED)
    await platform.call(platform.queue.UpdateProject, request, caller)
    newest = ids[::-1]
    assert await listed(platform, caller) == newest
    assert await listed(platform, caller, limit=2, offset=1) == newest[1:3]
    assert await listed(platform, caller, status=pb.PROJECT_STATUS_CLOSED) == [ids[2]]
    assert await listed(platform, caller, status=pb.PROJECT_STATUS_ACTIVE) == [id_ for id_ in newest if id_ != ids[2]]
    for wrong in ({"limit": 0}, {"limit": 101}, {"offset": -1}, {"status": 7}):
        with refused("VALIDATION_FAILED", InvalidInput):
            await listed(platform, caller, **wrong)


async def test_a_list_counts_the_tasks_of_each_project(platform: TasksPlatform) -> None:
    caller = operator()
    for count in (0, 1, 3):
        project = await platform.new_project(caller=caller)
        task_type = await platform.new_type(project.id, caller)
        for _ in range(count):
            await platform.new_task(Queue(project.id, task_type.id), caller)
    answer = await platform.call(platform.queue.ListProjects, pb.ListProjectsRequest(), caller)
    assert [project.counts.total for project in answer.projects] == [3, 1, 0]


async def test_statistics_are_true_counts(platform: TasksPlatform, queue: Queue) -> None:
    async def work_off(count: int, seconds: float, *, well: bool) -> None:
        for _ in range(count):
            task = await platform.next(queue, "a")
            assert task is not None
            platform.pass_time(seconds=seconds)
            await (platform.complete(task.id, "a") if well else platform.fail(task.id, "a", can_retry=False))

    await platform.new_tasks(queue, 12)
    await work_off(2, 10, well=True)
    await work_off(1, 10, well=False)
    platform.pass_time(minutes=60)
    await work_off(2, 30, well=True)
    await work_off(1, 10, well=True)
    await work_off(2, 5, well=False)
    for agent in ("b", "c"):
        await platform.next(queue, agent)
    now = await stats(platform, queue)
    assert now.project.counts == pb.TaskCounts(total=12, queued=2, running=2, completed=5, failed=3)
    assert (now.queue_depth, now.active_agents) == (2, 2)
    assert (now.completed_last_hour, now.failed_last_hour) == (3, 2)
    assert from_duration(now.average_task_duration) == timedelta(milliseconds=23_333)
    platform.pass_time(minutes=10)
    later = await stats(platform, queue)
    assert (later.active_agents, later.project.counts.running) == (0, 2)


async def test_more_workers_than_a_list_holds_are_counted(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_tasks(queue, 1003)
    await asyncio.gather(*(platform.next(queue, f"agent-{number}") for number in range(1002)))
    request = work_pb2.LeaseRequest(queue=queue.name, holder="agent-1", max_items=1)
    await platform.call(platform.work.Lease, request)
    now = await stats(platform, queue)
    assert (now.active_agents, now.project.counts.running) == (1002, 1003)


async def test_an_empty_project_has_empty_statistics(platform: TasksPlatform, queue: Queue) -> None:
    now = await stats(platform, queue)
    assert (now.queue_depth, now.active_agents, now.completed_last_hour, now.failed_last_hour) == (0, 0, 0, 0)
    assert from_duration(now.average_task_duration) == timedelta()


async def test_peek_counts_what_could_be_handed_out(platform: TasksPlatform, queue: Queue) -> None:
    async def peek() -> int:
        request = pb.PeekTasksRequest(project_id=queue.project_id)
        available: int = (await platform.call(platform.queue.PeekTasks, request)).available
        return available

    await platform.new_tasks(queue, 3)
    assert await peek() == 3
    await platform.next(queue, "a")
    assert await peek() == 2
    platform.pass_time(minutes=10)
    assert await peek() == 3
    assert (await platform.counts(queue)).running == 1


async def test_workers_are_listed_by_the_time_they_got_their_task(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_tasks(queue, 4)
    for agent in ("b", "a", "c"):
        await platform.next(queue, agent)
        platform.pass_time(minutes=1)
    request = pb.ListActiveAgentsRequest(project_id=queue.project_id)
    agents = (await platform.call(platform.queue.ListActiveAgents, request)).agents
    assert [agent.agent_name for agent in agents] == ["b", "a", "c"]
    assert from_timestamp(agents[2].assigned_at) == platform.clock.now() - timedelta(minutes=1)
    assert from_timestamp(agents[2].lease_expires_at) == platform.clock.now() + timedelta(minutes=9)
    platform.pass_time(minutes=8)
    agents = (await platform.call(platform.queue.ListActiveAgents, request)).agents
    assert [agent.agent_name for agent in agents] == ["c"]


async def test_a_closed_project_can_be_read_and_opened_again(platform: TasksPlatform, queue: Queue) -> None:
    await platform.new_task(queue)
    await platform.close_project(queue.project_id)
    assert (await get(platform, queue.project_id)).status == pb.PROJECT_STATUS_CLOSED
    assert (await stats(platform, queue)).queue_depth == 1
    create = pb.CreateTasksRequest(project_id=queue.project_id, tasks=[pb.NewTask(type_id=queue.type_id)])
    agents = pb.ListActiveAgentsRequest(project_id=queue.project_id)
    for call in (
        platform.new_task(queue),
        platform.call(platform.queue.CreateTasks, create),
        platform.tasks(queue),
        platform.call(platform.queue.ListActiveAgents, agents),
    ):
        with refused("PROJECT_CLOSED", WrongState):
            await call
    await platform.update_project(queue.project_id, status=pb.PROJECT_STATUS_ACTIVE)
    assert await platform.next(queue, "a") is not None


async def test_nobody_reads_or_changes_the_projects_of_another(platform: TasksPlatform) -> None:
    project = await platform.new_project()
    for method, request in (
        (platform.queue.GetProject, pb.GetProjectRequest(project_id=project.id)),
        (platform.queue.UpdateProject, pb.UpdateProjectRequest(project_id=project.id, description="x")),
        (platform.queue.DeleteProject, pb.DeleteProjectRequest(project_id=project.id)),
        (platform.queue.GetProjectStats, pb.GetProjectStatsRequest(project_id=project.id)),
    ):
        with refused("OTHER_OPERATOR", PermissionDenied):
            await platform.call(method, request, STRANGER)
        with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
            await platform.call(method, request, ANONYMOUS)
    assert project.id not in await listed(platform, STRANGER)
    reader = Caller(kind="operator", operator_id=1, scopes=(READ,))
    assert (await get(platform, project.id, reader)).id == project.id
    with refused("SCOPE_MISSING", PermissionDenied):
        await platform.call(platform.queue.DeleteProject, pb.DeleteProjectRequest(project_id=project.id), reader)


@pytest.mark.parametrize("project_id", [new_id(), "name-of-nothing"])
async def test_what_is_not_there_is_not_found(platform: TasksPlatform, project_id: str) -> None:
    for call in (
        get(platform, project_id),
        platform.update_project(project_id, description="x"),
        platform.call(platform.queue.DeleteProject, pb.DeleteProjectRequest(project_id=project_id)),
        platform.new_type(project_id),
        platform.next(Queue(project_id, ""), "a"),
        platform.tasks(Queue(project_id, "")),
    ):
        with refused("PROJECT_NOT_FOUND", NotFound):
            await call


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "a\n"},
        {"name": "ä"},
        {"name": "x" * 101},
        {"description": ""},
        {"description": "x" * 501},
        {"instructions": ""},
        {"instructions": "x" * 10_001},
        {"config": pb.ProjectConfig(default_max_retries=11)},
        {"config": pb.ProjectConfig(default_lease_duration_minutes=0)},
        {"config": pb.ProjectConfig(reaper_interval_minutes=61)},
    ],
)
async def test_bad_input_is_refused(platform: TasksPlatform, fields: dict[str, Any]) -> None:
    caller = operator()
    request = pb.CreateProjectRequest(**{"name": "ok", "description": "d", **fields})
    with refused("VALIDATION_FAILED", InvalidInput):
        await platform.call(platform.queue.CreateProject, request, caller)
    assert await listed(platform, caller) == []
