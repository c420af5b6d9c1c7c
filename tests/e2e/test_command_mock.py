"""`piecework mock`: what clients of the runs face need to be written, without a platform."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from taskforceai import AsyncTaskForceAIClient, TaskForceAIClient

from tests.e2e.piecework import LIMIT_SECONDS, finish, run, spawn

_RESULT = "This is a mock response. Configure your API key to get real results."
_BASES = ("/api/developer", "/api/v1/developer")


@pytest.fixture(scope="module")
async def mock() -> AsyncIterator[str]:
    """The address of a running mock."""
    process = await spawn("mock", "--port", "0")
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT_SECONDS):
        line = (await process.stdout.readline()).decode()
    assert line.startswith("piecework mock ready: http://127.0.0.1:")
    yield line.split()[-1].removesuffix("/api/developer")
    process.terminate()
    ended = await finish(process)
    assert (ended.status, ended.err) == (0, "")


async def ask(mock: str, method: str, path: str, **options: Any) -> tuple[int, Any]:
    async with aiohttp.ClientSession(mock) as http, http.request(method, path, **options) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        return response.status, await response.json()


@pytest.mark.parametrize("base", _BASES)
async def test_a_run_completes_when_asked_about_twice(mock: str, base: str) -> None:
    status, made = await ask(mock, "POST", f"{base}/run", data=b"not even JSON")
    assert (status, made["status"]) == (200, "processing")
    task_id = made["taskId"]
    assert task_id.startswith("mock-")
    assert int(task_id[5:]) > 1_700_000_000_000
    assert await ask(mock, "GET", f"{base}/status/{task_id}") == (
        200,
        {"taskId": task_id, "status": "processing", "message": "Mock task processing..."},
    )
    done = {"taskId": task_id, "status": "completed", "result": _RESULT}
    for _ in range(2):
        assert await ask(mock, "GET", f"{base}/status/{task_id}") == (200, done)
    unknown = {"taskId": "never-given", "status": "completed", "result": _RESULT}
    assert await ask(mock, "GET", f"{base}/results/never-given") == (200, unknown)


async def test_the_published_client(mock: str) -> None:
    async with AsyncTaskForceAIClient("any", base_url=f"{mock}/api/developer") as client:
        assert (await client.run_task("x", poll_interval=0.0)).result == _RESULT
        assert [each.status async for each in await client.run_task_stream("x", poll_interval=0.0)] == [
            "processing",
            "completed",
        ]

    def use() -> None:
        with TaskForceAIClient("any", base_url=f"{mock}/api/v1/developer") as client:
            assert client.run_task("x", poll_interval=0.0).result == _RESULT

    await asyncio.to_thread(use)


async def test_what_it_says_of_itself_and_of_what_there_is_not(mock: str) -> None:
    status, about = await ask(mock, "GET", "/")
    assert (status, about["status"]) == (200, "running")
    assert about["endpoints"]
    assert await ask(mock, "GET", "/nope") == (404, {"error": "Not found", "path": "/nope"})
    for path in ("/status/", "/results/", "/status"):
        assert await ask(mock, "GET", f"/api/developer{path}") == (400, {"error": "Task ID required"})
    assert await ask(mock, "OPTIONS", "/api/developer/run") == (200, {})
    assert (await ask(mock, "GET", "/api/v1/models"))[1]["enabled"] is True


async def test_threads_files_and_a_stream(mock: str) -> None:
    base = f"{_BASES[1]}"
    _, thread = await ask(mock, "POST", f"{base}/threads", json={"title": "t"})
    _, begun = await ask(mock, "POST", f"{base}/threads/{thread['id']}/runs", json={"prompt": "hi"})
    assert (begun["thread_id"], begun["threadId"]) == (thread["id"], str(thread["id"]))
    _, page = await ask(mock, "GET", f"{base}/threads/{thread['id']}/messages")
    assert [(each["role"], each["content"]) for each in page["messages"]] == [("user", "hi"), ("assistant", _RESULT)]
    form = aiohttp.FormData()
    form.add_field("file", b"x", filename="x.txt")
    _, file = await ask(mock, "POST", f"{base}/files", data=form)
    assert (await ask(mock, "GET", "/api/v1/files"))[1]["files"] == [file]
    assert await ask(mock, "DELETE", f"{base}/files/{file['id']}") == (200, {"id": file["id"], "deleted": True})
    assert (await ask(mock, "GET", f"{base}/threads/99"))[0] == 404
    async with aiohttp.ClientSession(mock) as http, http.get(f"/api/v1/stream/{begun['taskId']}") as response:
        lines = (await response.text()).splitlines()
    data = [line for line in lines if line.startswith("data: ")]
    assert len(data) == 3
    assert '"status":"completed"' in data[-1]


async def test_a_port_that_is_taken(mock: str) -> None:
    ended = await run("mock", "--port", mock.rpartition(":")[2])
    assert ended.status == 1
    assert "is taken by another process" in ended.err


async def test_an_address_that_is_not_of_this_machine() -> None:
    ended = await run("mock", "--host", "192.0.2.1", "--port", "0")
    assert ended.status == 1
    assert "192.0.2.1 is not an address of this machine" in ended.err
    ended = await run("mock", "--host", "", "--port", "0")
    assert "'' is not an address that can be listened on" in ended.err
    assert "Errno" not in ended.err


async def test_a_run_can_be_steered(mock: str) -> None:
    _, made = await ask(mock, "POST", "/api/developer/run", json={"prompt": "x"})
    task_id = made["taskId"]
    steered = await ask(mock, "POST", f"/api/v1/tasks/{task_id}/steer", json={"input": "Mind the winter"})
    assert steered == (200, {"task_id": task_id, "status": "processing", "trace_id": task_id})


@pytest.mark.parametrize("files", [*(f"{base}/files" for base in _BASES), "/api/v1/files"])
async def test_files_are_sent_with_a_token(mock: str, files: str) -> None:
    about = {"filename": "people.csv", "purpose": "data"}
    _, ticket = await ask(mock, "POST", f"{files}/upload-token", json=about)
    file_id, path = ticket["file_id"], ticket["upload_url"].removeprefix(mock)
    assert path == f"{files}/{file_id}/content"
    assert (await ask(mock, "POST", f"{files}/complete", json={"file_id": file_id}))[0] == 404
    assert (await ask(mock, "PUT", path, data=b"x", headers={"Authorization": "Bearer other"}))[0] == 401
    key = {"Authorization": f"Bearer {ticket['upload_token']}"}
    sent = {"file_id": file_id, "pathname": ticket["pathname"], "bytes": 4, "mime_type": "text/csv"}
    assert await ask(mock, "PUT", path, data=b"a,b\n", headers=key) == (200, sent)
    status, made = await ask(mock, "POST", f"{files}/complete", json={"file_id": file_id})
    assert (status, made["id"], made["filename"], made["purpose"]) == (200, file_id, "people.csv", "data")
    assert (await ask(mock, "GET", f"{files}/{file_id}"))[1] == made
