"""Clients as the documentation of the queue shows them: small, in Python and in JavaScript, without a lease token.

They read the task's id from the `data` of next-task itself, and complete without saying which worker they are.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from typing import Any

import pytest
import requests

from tests.gateway.site import Site

_JAVASCRIPT = r"""
const [baseURL, projectId] = process.argv.slice(1);
async function post(path, body, token) {
  const headers = { "Content-Type": "application/json" };
  if (token) headers.Authorization = `Bearer ${token}`;
  const response = await fetch(baseURL + path, { method: "POST", headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`status ${response.status}: ${await response.text()}`);
  return (await response.json()).data;
}
(async () => {
  const { token } = await post("/auth/login", { agentName: "my-agent", projectId });
  const task = await post("/agents/my-agent/next-task", { projectId }, token);
  const done = await post(`/tasks/${task.id}/complete`, { result: "done", outputs: {} }, token);
  console.log(JSON.stringify({ task, done }));
})();
"""


class QueueClient:
    """Raises the error text when `success` is false, whatever the status."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._headers: dict[str, str] = {}

    def login(self, agent: str, project: str) -> None:
        data = self._post("/auth/login", {"agentName": agent, "projectId": project})
        self._headers = {"Authorization": f"Bearer {data['token']}"}

    def next_task(self, agent: str, project: str) -> Any:
        return self._post(f"/agents/{agent}/next-task", {"projectId": project})

    def complete(self, task: str, result: str) -> Any:
        return self._post(f"/tasks/{task}/complete", {"result": result, "outputs": {}})

    def _post(self, path: str, body: Any) -> Any:
        answer = requests.post(self._url + path, json=body, headers=self._headers, timeout=10).json()
        if not answer["success"]:
            raise LookupError(answer["error"])
        return answer["data"]


@pytest.fixture
async def project(site: Site) -> Any:
    """A project with one task."""
    project = await site.project()
    kind = await site.task_type(project["id"])
    await site.task(project["id"], kind["id"], instructions="Do it")
    return project


async def test_a_python_client(site: Site, project: Any) -> None:
    def run() -> Any:
        client = QueueClient(f"{site.url}/api")
        client.login("my-agent", project["id"])
        task = client.next_task("my-agent", project["id"])
        done = client.complete(task["id"], "done")
        with pytest.raises(LookupError, match="No tasks available for assignment"):
            client.next_task("my-agent", project["id"])
        return task, done

    task, done = await asyncio.to_thread(run)
    assert task["task"]["instructions"] == "Do it"
    assert (done["status"], done["result"]) == ("completed", "done")


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
async def test_a_javascript_client(site: Site, project: Any) -> None:
    process = await asyncio.create_subprocess_exec(
        "node", "-e", _JAVASCRIPT, f"{site.url}/api", project["id"], stdout=-1, stderr=-1
    )
    out, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 0, errors.decode()
    printed = json.loads(out)
    assert printed["task"]["agentName"] == "my-agent"
    assert printed["done"]["status"] == "completed"
