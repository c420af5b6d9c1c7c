"""Runs that are told something while they are under way, as clients do that."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.runs.runner import MOCK, NEW_CLIENT, Runner, refused
from tests.gateway.runs.strict import ALL, StrictReader

_WAITING = "[[mock delay=60]] Wait"


async def test_from_its_words_to_its_trace(runner: Runner) -> None:
    task_id = await runner.start(_WAITING, options={**MOCK, "agentCount": 1})
    steer = f"/api/v1/tasks/{task_id}/steer"
    answer = await runner.post(steer, {"input": "Go by train. " + "x" * 700})
    assert (answer["task_id"], answer["status"]) == (task_id, "processing")
    state = await runner.get(f"/api/v1/developer/status/{task_id}")
    assert [each["input"][:12] for each in state["inputs"]] == ["Go by train."]
    trace = (await runner.get(f"/api/v1/tasks/{task_id}/trace"))["trace"]
    assert trace["inputs"] == state["inputs"]
    assert trace["inputs"][0]["by"] == f"operator:{runner.operator.id}"
    await runner.post(f"/api/v1/tasks/{task_id}/cancel")
    reading = StrictReader(runner.site, f"/api/v1/stream/{task_id}", key=runner.key, statuses=ALL, **NEW_CLIENT)
    async with reading as reader:
        lines = await reader.read()
    told = [line.data["input"] for line in lines if "input" in line.data]
    assert [(each["input"][:12], len(each["input"])) for each in told] == [("Go by train.", 603)]
    assert refused(await runner.send("POST", steer, json={"input": "x"}), 409, "NOT_ACTIVE") == "Task is not active"


async def test_the_same_call_again(runner: Runner) -> None:
    task_id = await runner.start(_WAITING, options={**MOCK, "agentCount": 1})
    steer, key = f"/api/v1/tasks/{task_id}/steer", {"Idempotency-Key": f"steer-{task_id}"}
    first = await runner.send("POST", steer, json={"input": "once"}, headers=key)
    again = await runner.send("POST", steer, json={"input": "once"}, headers=key)
    assert (first.status, again.json) == (200, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    refused(await runner.send("POST", steer, json={"input": "other"}, headers=key), 422, "IDEMPOTENCY_KEY_REUSED")
    assert len((await runner.get(f"/api/developer/status/{task_id}"))["inputs"]) == 1
    await runner.post(f"/api/v1/tasks/{task_id}/cancel")


@pytest.mark.parametrize(
    "body",
    [{}, {"input": ""}, {"input": " \n"}, {"input": None}, {"input": 5}, {"input": ["x"]}, {"input": "x" * 16_385}],
    ids=["nothing", "empty", "blank", "null", "a number", "a list", "too long"],
)
async def test_words_that_are_none(runner: Runner, body: Any) -> None:
    reply = await runner.send("POST", "/api/v1/tasks/task_x/steer", json=body)
    assert "input" in refused(reply, 400, "VALIDATION_FAILED")


async def test_a_run_that_there_is_not(runner: Runner) -> None:
    reply = await runner.send("POST", "/api/v1/tasks/task_x/steer", json={"input": "x"})
    assert refused(reply, 404, "TASK_NOT_FOUND") == "Task not found"
