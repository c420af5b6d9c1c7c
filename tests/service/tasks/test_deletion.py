"""Deleted projects: gone at once, with everything in them, whatever crashes on the way."""

from __future__ import annotations

import asyncio

import pytest
from piecework.agents.v1 import identity_pb2
from piecework.tasks.v1 import queue_pb2 as pb

from kit.errors import NotFound
from tests.service.hosting import refused
from tests.service.tasks.platform import OWNER, Queue, TasksPlatform


async def delete(platform: TasksPlatform, project_id: str) -> None:
    await platform.call(platform.queue.DeleteProject, pb.DeleteProjectRequest(project_id=project_id))


async def remains(platform: TasksPlatform, queue: Queue) -> dict[str, int]:
    """Count the documents that belong to a project."""
    collections = {
        "projects": {"_id": queue.project_id},
        "task_types": {"project_id": queue.project_id},
        "work_items": {"queue": queue.name},
    }
    counted = {name: await platform.database[name].count_documents(query) for name, query in collections.items()}
    return {name: count for name, count in counted.items() if count}


async def assert_gone(platform: TasksPlatform, queue: Queue, task_id: str) -> None:
    for call in (
        platform.counts(queue),
        platform.new_task(queue),
        platform.next(queue, "a"),
        platform.tasks(queue),
        delete(platform, queue.project_id),
    ):
        with refused("PROJECT_NOT_FOUND", NotFound):
            await call
    with pytest.raises(NotFound):
        await platform.complete(task_id, "a", token=1)
    listed = await platform.call(platform.queue.ListProjects, pb.ListProjectsRequest())
    assert queue.project_id not in [project.id for project in listed.projects]


@pytest.fixture
async def busy(platform: TasksPlatform) -> tuple[Queue, pb.Project, str]:
    """A project with a running and a waiting task."""
    project = await platform.new_project()
    queue = Queue(project.id, (await platform.new_type(project.id)).id)
    await platform.new_tasks(queue, 2)
    held = await platform.next(queue, "a")
    assert held is not None
    return queue, project, held.id


Busy = tuple[Queue, pb.Project, str]


async def test_a_deleted_project_is_gone_at_once(platform: TasksPlatform, busy: Busy) -> None:
    queue, project, task_id = busy
    await delete(platform, project.id)
    await assert_gone(platform, queue, task_id)
    with refused("TASK_NOT_FOUND", NotFound):
        await platform.get(task_id)
    again = await platform.new_project(project.name)
    assert again.counts.total == 0
    # The type goes with the last step, after every replica has forgotten the project.
    platform.pass_time(seconds=11)
    await platform.app.projects.remove_condemned()
    assert await remains(platform, queue) == {}
    with refused("TASK_TYPE_NOT_FOUND", NotFound):
        await platform.call(platform.queue.GetTaskType, pb.GetTaskTypeRequest(type_id=queue.type_id))


async def test_the_types_of_a_deleted_project_are_gone_at_once(platform: TasksPlatform, busy: Busy) -> None:
    queue, project, _ = busy
    await delete(platform, project.id)
    with pytest.raises(NotFound):
        await platform.call(platform.queue.GetTaskType, pb.GetTaskTypeRequest(type_id=queue.type_id))


async def test_a_crash_after_the_mark_is_made_up_for(platform: TasksPlatform, busy: Busy) -> None:
    queue, project, task_id = busy
    stored = await platform.app.queue_store.project(project.id)
    assert stored is not None
    await platform.app.queue_store.condemn_project(stored, platform.clock.now())
    platform.app.access.forget_project(project.id)
    await assert_gone(platform, queue, task_id)
    # Not at once: other replicas may still believe in it.
    await platform.app.projects.remove_condemned()
    assert "work_items" in await remains(platform, queue)
    platform.pass_time(seconds=11)
    await platform.app.projects.remove_condemned()
    assert await remains(platform, queue) == {}


async def test_what_another_replica_still_writes_is_removed_too(platform: TasksPlatform, busy: Busy) -> None:
    queue, project, task_id = busy
    item = await platform.app.work_store.read(task_id)
    assert item is not None
    await delete(platform, project.id)
    await platform.app.work_store.insert(item, "operator:1")
    platform.pass_time(seconds=11)
    await platform.app.projects.remove_condemned()
    assert await remains(platform, queue) == {}


async def test_a_crash_between_the_last_steps_is_made_up_for(platform: TasksPlatform, busy: Busy) -> None:
    queue, project, _ = busy
    await delete(platform, project.id)
    platform.pass_time(seconds=11)
    await platform.database["task_types"].delete_many({"project_id": project.id})
    assert await platform.app.projects.remove_condemned() >= 1
    assert await remains(platform, queue) == {}
    assert await platform.app.projects.remove_condemned() == 0


async def test_sessions_end_with_their_project(platform: TasksPlatform, busy: Busy) -> None:
    _, project, _ = busy
    request = pb.OpenSessionRequest(project=project.id, agent_name="a")
    opened = await platform.call(platform.queue.OpenSession, request)
    await delete(platform, project.id)
    sessions = platform.resources.database("agents")["sessions"]
    assert await sessions.count_documents({"_id": opened.session.id, "project_id": project.id}) == 0
    assert isinstance(opened.session, identity_pb2.Session)
    with refused("PROJECT_NOT_FOUND", NotFound):
        await platform.call(platform.queue.OpenSession, request)


async def test_a_project_on_its_way_out_has_no_name(platform: TasksPlatform, busy: Busy) -> None:
    _, project, _ = busy
    await delete(platform, project.id)
    for ref in (project.name, f"{project.name}/{project.id}"):
        with refused("PROJECT_NOT_FOUND", NotFound):
            await platform.call(platform.queue.OpenSession, pb.OpenSessionRequest(project=ref, agent_name="a"))


async def test_many_delete_one_project_at_once(platform: TasksPlatform, replica: TasksPlatform, busy: Busy) -> None:
    queue, project, _ = busy
    answers = await asyncio.gather(
        *(delete(each, project.id) for each in (platform, replica) * 5), return_exceptions=True
    )
    assert all(answer is None or isinstance(answer, NotFound) for answer in answers)
    assert any(answer is None for answer in answers)
    platform.pass_time(seconds=11)
    await platform.app.projects.remove_condemned()
    assert await remains(platform, queue) == {}
    await platform.new_project(project.name, OWNER)
