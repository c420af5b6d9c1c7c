"""What no honest client sends: a clear refusal, never a 5xx, and nothing of ours in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.gateway.runs.runner import BASES, MOCK, Runner, new_runner, refused
from tests.gateway.site import Site

_RUN = "/api/developer/run"
_DEEP = "[" * 100_000
_UUID = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"x"',
        b"{}",
        b'{"prompt": null}',
        b'{"prompt": 5}',
        b'{"prompt": ["x"]}',
        b'{"prompt": ""}',
        b'{"prompt": "   \\n"}',
        b'{"prompt": "\\ud800"}',
        b'{"prompt": "x", "options": []}',
        b'{"prompt": "x", "options": "x"}',
        b'{"prompt": "x", "modelId": 5}',
        b'{"prompt": "x", "file_ids": "file-1"}',
        b'{"prompt": "x", "file_ids": [1]}',
        b'{"prompt": "x", "budget": "x"}',
        b'{"prompt": "x", "budget": -1}',
        b'{"prompt": "x", "budget": 1.5}',
        b'{"prompt": "x", "budget": 1e300}',
        b'{"prompt": "x", "options": {"budget": -1}}',
        b'{"prompt": "x", "options": {"budget": true}}',
        b'{"prompt": "x", "options": {"budget": 1e999}}',
        b'{"prompt": "x", "options": {"agentCount": "x"}}',
        b'{"prompt": "x", "options": {"agentCount": -1}}',
        b'{"prompt": "x", "options": {"agentCount": 17}}',
        b'{"prompt": "x", "options": {"agentCount": 1e18}}',
        b'{"prompt": "x", "options": {"mock": "yes"}}',
        b'{"prompt": "x", "options": {"agents": [0]}}',
        b'{"prompt": "x", "options": {"agents": ["x"]}}',
        b'{"prompt": "x", "options": {"role_models": {"Researcher": 5}}}',
        b'{"prompt": "x", "options": {"role_models": "x"}}',
        b'{"prompt": "x", "options": {"fileIds": {"a": 1}}}',
        b'{"prompt": "x", "role_models": []}',
        b"\xff\xfe",
        _DEEP.encode(),
        b'{"prompt": "x", "options": {"a": ' + _DEEP.encode() + b"}}",
    ],
)
@pytest.mark.parametrize("base", BASES)
async def test_bodies(runner: Runner, base: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    reply = await runner.send("POST", f"{base}/run", data=body, headers=headers)
    assert reply.status == 400, reply.text
    assert reply.json["code"] in ("VALIDATION_FAILED", "INVALID_REQUEST")
    refused(reply, 400, reply.json["code"])
    assert "Traceback" not in reply.text
    assert "piecework" not in reply.text


async def test_prompts_and_options_that_are_too_long(runner: Runner) -> None:
    reply = await runner.send("POST", _RUN, json={"prompt": "x" * 10_001})
    assert "10000" in refused(reply, 400, "VALIDATION_FAILED")
    reply = await runner.send("POST", _RUN, json={"prompt": "x", "options": {"a": "x" * 300_000}})
    refused(reply, 400, "VALIDATION_FAILED")
    reply = await runner.send("POST", _RUN, json={"prompt": "x", "options": {"fileIds": [f"f{n}" for n in range(21)]}})
    assert "options.fileIds" in refused(reply, 400, "VALIDATION_FAILED")
    reply = await runner.send("POST", _RUN, data=b"x" * 11_000_000, headers={"Content-Type": "application/json"})
    refused(reply, 413, "REQUEST_TOO_LARGE")


async def test_everything_that_is_wrong_is_told_at_once(runner: Runner) -> None:
    body = {"options": {"agentCount": 99, "mock": "x", "budget": "y"}, "modelId": 5}
    reply = await runner.send("POST", _RUN, json=body)
    places = {each["location"] for each in reply.json["errors"]}
    assert {"body.prompt", "body.modelId"} <= places
    reply = await runner.send("POST", _RUN, json={"prompt": "x", "options": body["options"]})
    assert {each["location"] for each in reply.json["errors"]} == {"body.options.mock", "body.options.budget"}


async def test_options_that_may_be_anything(runner: Runner) -> None:
    options: dict[str, Any] = {
        **MOCK,
        "modelId": None,
        "agentCount": None,
        "agents": 4,
        "budget": None,
        "__proto__": {"a": 1},
        "$where": "1",
        "a.b": [None, {"c": "d"}],
        "ключ": "значение",
        "": "",
        "apiKey": "sk-do-not-keep",
    }
    body = {"prompt": "x", "options": options, "stream": True, "unknown": {"a": 1}, "attachments": []}
    task_id = (await runner.post(_RUN, body))["taskId"]
    kept = (await runner.get(f"/api/developer/status/{task_id}"))["options"]
    assert kept["a.b"] == [None, {"c": "d"}]
    assert "sk-do-not-keep" not in json.dumps(kept)
    await runner.finish(task_id)


@pytest.mark.parametrize(
    "task_id",
    [
        "x",
        f"task_{_UUID}",
        "task_",
        "..%2f..%2fetc%2fpasswd",
        "%00",
        "%F0%9F%92%A9",
        "task_%ff",
        "1",
        "task_' OR 1=1",
        "x" * 100,
    ],
)
@pytest.mark.parametrize("path", ["/api/developer/status", "/api/v1/developer/results", "/api/v1/stream"])
async def test_ids_of_runs(runner: Runner, path: str, task_id: str) -> None:
    reply = await runner.send("GET", f"{path}/{task_id}")
    assert refused(reply, 404, "TASK_NOT_FOUND") == "Task not found"


@pytest.mark.parametrize("method_path", ["POST cancel", "GET trace"])
@pytest.mark.parametrize("run_id", [_UUID, "x", "%00", "x" * 90])
async def test_ids_of_runs_beside_those_of_market_tasks(runner: Runner, method_path: str, run_id: str) -> None:
    method, path = method_path.split()
    reply = await runner.send(method, f"/api/v1/tasks/task_{run_id}/{path}")
    assert refused(reply, 404, "TASK_NOT_FOUND") == "Task not found"


async def test_tasks_of_the_market_are_still_found(runner: Runner, site: Site) -> None:
    reply = await runner.send("POST", "/api/v1/tasks/1/cancel")
    assert reply.json["ok"] is False
    reply = await site.send("GET", "/api/v1/tasks/1", key=runner.key)
    assert reply.json["ok"] is False


async def test_paths_and_methods_that_there_are_not(runner: Runner) -> None:
    for path in ("/api/developer", "/api/developer/nothing", "/api/v1/developer/run/x", "/api/v1/tasks/task_x"):
        reply = await runner.send("GET", path)
        assert reply.status in (400, 401, 404), (path, reply.text)
        assert isinstance(reply.json["error"], str)
    assert refused(await runner.send("GET", "/api/developer/nothing"), 404, "ROUTE_NOT_FOUND") == "Route not found"
    reply = await runner.send("DELETE", "/api/developer/run")
    refused(reply, 405, "METHOD_NOT_ALLOWED")
    assert reply.headers["Allow"] == "POST"


@pytest.mark.parametrize("number", ["-1", "x", "1.5", "99999999999999999999", "%00", "1e3"])
async def test_cursors_of_streams(runner: Runner, number: str) -> None:
    task_id = await runner.start()
    reply = await runner.send("GET", f"/api/v1/stream/{task_id}", headers={"Last-Event-ID": number})
    refused(reply, 400, "INVALID_REQUEST")


@pytest.mark.parametrize("query", ["limit=-1", "limit=101", "limit=x", "offset=-1", "offset=100001", "limit=1&limit=x"])
@pytest.mark.parametrize("path", ["/api/developer/threads", "/api/developer/files", "/api/v1/files"])
async def test_pages(runner: Runner, path: str, query: str) -> None:
    refused(await runner.send("GET", f"{path}?{query}"), 400, "VALIDATION_FAILED")


async def test_requests_with_a_content_type_and_no_body(runner: Runner) -> None:
    headers = {"Content-Type": "application/json"}
    thread = await runner.post("/api/developer/threads", {})
    path = f"/api/developer/threads/{thread['id']}"
    assert (await runner.send("GET", path, headers=headers)).status == 200
    assert (await runner.send("DELETE", path, headers=headers)).status == 200
    task_id = await runner.start()
    assert (await runner.send("POST", f"/api/v1/tasks/{task_id}/cancel", headers=headers)).status == 200


@pytest.mark.parametrize("directive", ["empty", "garbage", "endless", "fail=refused", "fail=garbage", "cut=1"])
async def test_bad_models_end_in_an_answer_that_clients_can_read(site: Site, directive: str) -> None:
    runner = await new_runner(site, "bad-models")
    task_id = await runner.start(f"[[mock {directive}]] x", options={**MOCK, "agentCount": 2})
    last = (await runner.finish(task_id))[-1]
    assert last.event in ("complete", "error")
    assert last.data["message"]
