"""Runs as clients of this face see them, against the real engine on the mock model."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from tests.gateway.runs.runner import BASES, MOCK, NEW_CLIENT, Runner, good, new_runner, refused
from tests.gateway.runs.strict import ALL, StrictReader
from tests.gateway.site import Site

_SLOW = "[[mock delay=30]] wait"


@pytest.mark.parametrize("path", ["/api/v1/stream", "/api/stream", "/api/developer/stream", "/api/v1/developer/stream"])
async def test_a_stream_under_every_path(runner: Runner, path: str) -> None:
    task_id = await runner.start()
    async with StrictReader(runner.site, f"{path}/{task_id}", key=runner.key) as reader:
        lines = await reader.read()
    assert lines[0].event == "start"
    assert lines[-1].event == "complete"
    assert {line.event for line in lines[1:-1]} <= {"progress", "chunk"}
    numbers = [int(line.id) for line in lines if line.id]
    assert numbers == sorted(set(numbers))
    assert lines[-1].data["result"] == (await runner.get(f"/api/developer/results/{task_id}"))["result"]
    agents = lines[-1].data["agent_statuses"]
    assert [agent["agent_id"] for agent in agents] == [0, 1, 2, 3]
    assert all(agent["status"] == "COMPLETED" and agent["progress"] == 1.0 for agent in agents)


async def test_each_event_comes_once_over_many_connections(runner: Runner) -> None:
    task_id = await runner.start("[[mock tokens=30 pace=0.01]] tell me")
    path, seen = f"/api/v1/stream/{task_id}", []
    after = ""
    while True:
        headers: dict[str, Any] = {"Last_Event_ID": after} if after else {}
        async with StrictReader(runner.site, path, key=runner.key, **headers) as reader:
            for _ in range(3):
                line = await reader.next()
                if line is None:
                    break
                seen.append(line)
                after = line.id or after
        if seen[-1].event == "complete":
            break
    async with StrictReader(runner.site, path, key=runner.key) as reader:
        whole = [line.id for line in await reader.read() if line.id]
    resumed = [line.id for line in seen if line.id]
    assert resumed == whole
    async with StrictReader(runner.site, path, key=runner.key, Last_Event_ID=after) as reader:
        assert await reader.read() == []


async def test_text_is_streamed_as_it_is_written(runner: Runner) -> None:
    task_id = await runner.start("[[mock tokens=60 pace=0.01]] tell me", options={**MOCK, "agentCount": 1})
    lines = await runner.finish(task_id)
    chunks = [line.data for line in lines if line.event == "chunk"]
    assert len(chunks) > 1
    written = "".join(chunk["delta"] for chunk in chunks if chunk.get("stage") == "agent")
    result = (await runner.get(f"/api/developer/status/{task_id}"))["agentStatuses"][0]["result"]
    assert written.split() == result.split()[: len(written.split())]


async def test_a_run_is_canceled(runner: Runner) -> None:
    task_id = await runner.start(_SLOW)
    active = await runner.get("/api/v1/tasks/active?limit=100")
    assert task_id in [task["taskId"] for task in active["tasks"]]
    ended = await runner.post(f"/api/v1/tasks/{task_id}/cancel")
    assert (ended["task_id"], ended["status"], ended["trace_id"]) == (task_id, "canceled", task_id)
    assert (await runner.post(f"/api/v1/tasks/{task_id}/cancel"))["status"] == "canceled"
    old = await runner.get(f"/api/developer/status/{task_id}")
    assert (old["status"], old["error"]) == ("failed", "Task canceled")
    new = await runner.get(f"/api/v1/developer/status/{task_id}", headers=NEW_CLIENT)
    assert new["status"] == "canceled"
    lines = await runner.finish(task_id)
    assert (lines[-1].event, lines[-1].data["status"]) == ("error", "canceled")
    active = await runner.get("/api/v1/tasks/active")
    assert task_id not in [task["taskId"] for task in active["tasks"]]


async def test_a_stream_tells_when_its_run_is_canceled(runner: Runner) -> None:
    task_id = await runner.start(_SLOW)
    path = f"/api/v1/stream/{task_id}"
    async with StrictReader(runner.site, path, key=runner.key, statuses=ALL, **NEW_CLIENT) as reader:
        await reader.next()
        await runner.post(f"/api/v1/tasks/{task_id}/cancel")
        assert (await reader.read())[-1].data["status"] == "canceled"


async def test_the_trace_of_a_run(runner: Runner) -> None:
    task_id = await runner.start(options={**MOCK, "agentCount": 2, "role_models": {"Analyst": "piecework/mock"}})
    await runner.finish(task_id)
    trace = (await runner.get(f"/api/v1/tasks/{task_id}/trace"))["trace"]
    assert (trace["id"], trace["task_id"], trace["goal"]) == (task_id, task_id, "Why is the sky blue?")
    kinds = [step["kind"] for step in trace["steps"]]
    assert kinds.count("agent") == 2
    assert {"decompose", "agent", "synthesis"} <= set(kinds)
    for step in trace["steps"]:
        assert step["state"] in ("completed", "canceled")
        if step["state"] == "completed":
            assert (step["model"], step["attempts"]) == ("piecework/mock", 1)
            assert step["tokens_out"] > 0
            assert step["started_at"] <= step["ended_at"]
    assert len(trace["plan"]) == 2
    assert trace["report"]


async def test_quick_mode_is_one_agent(runner: Runner) -> None:
    task_id = await runner.start(options={**MOCK, "quickModeEnabled": True})
    assert len((await runner.finish(task_id))[-1].data["agent_statuses"]) == 1


async def test_approval_where_none_is_asked(runner: Runner) -> None:
    task_id = await runner.start()
    await runner.finish(task_id)
    reply = await runner.send("POST", f"/api/v1/tasks/{task_id}/approve", json={"approved": True})
    assert refused(reply, 409, "NOT_AWAITING_APPROVAL") == "Task is not awaiting approval"


async def test_the_same_key_begins_one_run(runner: Runner) -> None:
    body, headers = {"prompt": "once", "options": MOCK}, {"Idempotency-Key": uuid.uuid4().hex}
    first, second = await asyncio.gather(
        *(runner.send("POST", "/api/developer/run", json=body, headers=headers) for _ in range(2))
    )
    answers = [reply.json["taskId"] for reply in (first, second) if reply.status == 200]
    assert len(set(answers)) == 1
    again = await runner.send("POST", "/api/developer/run", json=body, headers=headers)
    assert again.json["taskId"] == answers[0]
    assert again.headers["Idempotency-Replayed"] == "true"
    other = await runner.send("POST", "/api/developer/run", json={**body, "prompt": "twice"}, headers=headers)
    refused(other, 422, "IDEMPOTENCY_KEY_REUSED")


async def test_a_plan_is_a_wall_and_polls_are_free(site: Site) -> None:
    runner = await new_runner(site, "small-plan")
    await runner.set_plan("free", month=3, week=1000)
    body = {"prompt": "x", "options": MOCK}
    replies = await asyncio.gather(*(runner.send("POST", "/api/developer/run", json=body) for _ in range(12)))
    assert sorted(reply.status for reply in replies) == [200] * 3 + [429] * 9
    for reply in replies:
        if reply.status == 429:
            text = refused(reply, 429, "QUOTA_EXCEEDED")
            assert text.startswith("Developer API monthly quota exceeded. The plan free allows 3 runs per month")
            assert text.endswith(f"piecework admin plans set super --operator {runner.operator.id}")
            assert reply.headers["x-ratelimit-remaining"] == "0"
            assert int(reply.headers["Retry-After"]) > 0
    task_id = next(reply.json["taskId"] for reply in replies if reply.status == 200)
    for _ in range(20):
        assert good(await runner.send("GET", f"/api/developer/status/{task_id}"))
    usage = await runner.get("/api/v1/developer/usage")
    assert (usage["requestsThisMonth"], usage["monthlyQuota"], usage["monthlyRemaining"]) == (3, 3, 0)


async def test_a_budget_that_cannot_be_paid(runner: Runner) -> None:
    body = {"prompt": "x", "modelId": "piecework/mock", "options": {"budget": 1_000_000}}
    reply = await runner.send("POST", "/api/developer/run", json=body)
    assert "1000000 needed" in refused(reply, 403, "INSUFFICIENT_CREDITS")


async def test_a_budget_is_held_and_spent(site: Site) -> None:
    runner = await new_runner(site, "payer")
    await runner.deposit(500)
    body = {"prompt": "x", "modelId": "piecework/mock", "options": {"budget": 100}}
    task_id = (await runner.post("/api/v1/developer/run", body))["taskId"]
    await runner.finish(task_id)
    use = (await runner.get(f"/api/v1/developer/status/{task_id}"))["budgetUsage"]
    assert (use["initialCredits"], use["initialUsd"]) == (100, 1.0)
    assert 0 < use["consumedCredits"] <= 100
    assert use["remainingCredits"] == 100 - use["consumedCredits"]


async def test_models_need_no_key(site: Site) -> None:
    reply = await site.send("GET", "/api/v1/models", key=None)
    assert reply.status == 200
    assert reply.json["enabled"] is True
    ids = [option["id"] for option in reply.json["options"]]
    assert reply.json["defaultModelId"] in ids
    assert all(option["label"] and isinstance(option["badge"], str) for option in reply.json["options"])


async def _used_key(runner: Runner, path: str, key_id: str) -> Any:
    """Return a key as it is listed once its use is noted, which nobody waits for."""
    async with asyncio.timeout(30):
        while True:
            key = next(each for each in (await runner.get(path))["keys"] if each["keyId"] == key_id)
            if key["lastUsedAt"] is not None:
                return key


async def test_usage_tells_what_was_ever_used(site: Site) -> None:
    runner = await new_runner(site, "usage")
    for base in BASES:
        await runner.finish(await runner.start())
        usage = await runner.get(f"{base}/usage")
        counts = [usage[f"requests{window}"] for window in ("ThisMonth", "ThisWeek", "Today")]
        assert usage["totalRequests"] == sum(day["count"] for day in usage["usageHistory"]) >= max(counts)
        assert len(usage["usageHistory"]) == 30
        (key,) = usage["apiKeys"]
        assert key["displayKey"].startswith("pw_live_")
        assert {"hourlyLimit", "monthlyQuota", "currentHourlyUsage", "dailyUsage", "weeklyUsage"} < set(key)
    assert usage["totalRequests"] == 2
    key = await _used_key(runner, "/api/developer/keys", usage["apiKeys"][0]["keyId"])
    assert key["lastUsedAt"] >= key["createdAt"]


async def test_keys_are_made_and_ended(site: Site) -> None:
    runner = await new_runner(site, "keys")
    for base in BASES:
        made = await runner.post(f"{base}/keys", {"tier": "PRO"})
        assert (made["message"], made["warning"]) == ("Key created", "Save it now.")
        assert (await runner.send("GET", f"{base}/usage", key=made["apiKey"])).status == 200
        keys = (await runner.get(f"{base}/keys"))["keys"]
        newest = keys[0]["keyId"]
        beginning, ending = keys[0]["displayKey"].split("…")
        assert made["apiKey"].startswith(beginning)
        assert made["apiKey"].endswith(ending)
        assert (len(beginning), len(ending)) == (12, 4)
        assert await _used_key(runner, f"{base}/keys", newest)
        ended = await runner.send("DELETE", f"{base}/keys", json={"keyId": newest})
        assert good(ended) == {"message": "Key revoked"}
        await site.eventually("GET", f"{base}/usage", 401, key=made["apiKey"])
    refused(await runner.send("DELETE", f"/api/developer/keys/{uuid.uuid4()}"), 404, "KEY_NOT_FOUND")
