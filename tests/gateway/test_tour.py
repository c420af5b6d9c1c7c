"""The documented life of a task, from the first project to the result."""

from __future__ import annotations

from tests.gateway.site import Site


async def test_a_task_goes_from_project_to_result(site: Site) -> None:
    config = {"defaultMaxRetries": 3, "defaultLeaseDurationMinutes": 15, "reaperIntervalMinutes": 2}
    project = await site.project(instructions="Be careful", config=config)
    assert project["config"] == config
    assert project["status"] == "active"
    kind = await site.task_type(project["id"], template="Look at {{what}}", variables=["what"])
    task = await site.task(project["id"], kind["id"], variables={"what": "the door"}, batchId="b-1")
    assert task["status"] == "queued"
    assert task["instructions"] == "Look at the door"
    opened = await site.login(project["id"])
    path = "/api/agents/worker-1/next-task"
    handed = await site.send("POST", path, key=opened["token"], json={"projectId": project["id"]})
    assert handed.status == 200, handed.text
    assert handed.data["id"] == task["id"] == handed.data["task"]["id"]
    assert handed.data["agentName"] == "worker-1"
    assert handed.data["task"]["assignedTo"] == "worker-1"
    done = await site.send(
        "POST", f"/api/tasks/{task['id']}/complete", key=opened["token"], json={"result": "ok", "outputs": {"n": 8}}
    )
    assert done.status == 200, done.text
    assert done.data["status"] == "completed"
    assert done.data["outputs"] == {"n": 8}
    batch = await site.send("GET", f"/api/projects/{project['id']}/batches/b-1")
    assert batch.data == {"batchId": "b-1", "total": 1, "queued": 0, "running": 0, "completed": 1, "failed": 0}
    empty = await site.send("POST", path, key=opened["token"], json={"projectId": project["id"]})
    assert empty.status == 200
    assert empty.json["success"] is False
    assert empty.json["error"] == "No tasks available for assignment"
    assert empty.data == {"task": None, "agentName": "worker-1"}
