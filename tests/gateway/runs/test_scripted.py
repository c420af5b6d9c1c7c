"""Shapes for clients of every age, with an orchestrator that says what the test wants."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from piecework.billing.v1 import plans_pb2
from piecework.orchestrator.v1 import runs_pb2

from gateway.faces.runs.inline import RESULT_BYTES
from gateway.faces.runs.upload import CHUNK_BYTES
from kit.errors import Exhausted, InvalidInput, NotFound, PermissionDenied, Unauthenticated, WrongState
from tests.gateway.runs.runner import refused
from tests.gateway.runs.scripted import RUN, ScriptedOrchestrator
from tests.gateway.site import Reply, Site

_PATHS = (
    f"/api/developer/status/{RUN}",
    f"/api/v1/developer/status/{RUN}",
    f"/api/developer/results/{RUN}",
    f"/api/v1/developer/results/{RUN}",
)
_NEW = {"X-SDK-Language": "typescript"}


async def ask(edge: Site, method: str, path: str, **options: Any) -> Reply:
    return await edge.send(method, path, key="good", **options)


def no_nulls(value: Any) -> None:
    if isinstance(value, dict):
        for each in value.values():
            no_nulls(each)
    elif isinstance(value, list):
        for each in value:
            no_nulls(each)
    else:
        assert value is not None


@pytest.mark.parametrize("path", _PATHS)
async def test_a_run_under_way(edge: Site, peers: ScriptedOrchestrator, path: str) -> None:
    peers.runs.run.message = "Agents are working"
    reply = await ask(edge, "GET", path)
    assert reply.status == 200
    assert (reply.json["taskId"], reply.json["status"]) == (RUN, "processing")
    assert reply.json["message"] == "Agents are working"
    assert not {"result", "error", "warnings", "metadata"} & set(reply.json)
    no_nulls(reply.json)


@pytest.mark.parametrize("path", _PATHS)
async def test_a_run_that_completed(edge: Site, peers: ScriptedOrchestrator, path: str) -> None:
    peers.runs.run.MergeFrom(runs_pb2.Run(status=runs_pb2.RUN_STATUS_COMPLETED, result="42", warnings=["one"]))
    reply = await ask(edge, "GET", path)
    assert (reply.json["status"], reply.json["result"], reply.json["warnings"]) == ("completed", "42", ["one"])
    assert "error" not in reply.json
    no_nulls(reply.json)
    peers.runs.run.result = ""
    assert (await ask(edge, "GET", path)).json["result"], "old clients take no empty result"


@pytest.mark.parametrize("path", _PATHS)
async def test_a_run_that_failed(edge: Site, peers: ScriptedOrchestrator, path: str) -> None:
    peers.runs.run.status = runs_pb2.RUN_STATUS_FAILED
    reply = await ask(edge, "GET", path)
    assert reply.status == 200
    assert (reply.json["status"], reply.json["error"]) == ("failed", "Task failed")
    no_nulls(reply.json)


@pytest.mark.parametrize("path", _PATHS)
@pytest.mark.parametrize("headers", [{}, _NEW])
async def test_statuses_that_old_clients_do_not_know(
    edge: Site, peers: ScriptedOrchestrator, path: str, headers: dict[str, str]
) -> None:
    new = bool(headers) and path.startswith("/api/v1/")
    run = peers.runs.run
    run.status = runs_pb2.RUN_STATUS_CANCELED
    reply = await ask(edge, "GET", path, headers=headers)
    assert reply.json["status"] == ("canceled" if new else "failed")
    assert reply.json["error"] == "Task canceled"
    run.status = runs_pb2.RUN_STATUS_AWAITING_APPROVAL
    run.pending_approval.MergeFrom(
        runs_pb2.Approval(id="a", permission="web.fetch", agent_name="Analyst", patterns=["example.com"])
    )
    reply = await ask(edge, "GET", path, headers=headers)
    assert reply.json["status"] == ("awaiting_approval" if new else "processing")
    assert reply.json["message"]
    if "/status/" in path:
        assert reply.json["pendingApproval"]["approvalId"] == "a"


async def test_what_the_body_of_a_run_becomes(edge: Site, peers: ScriptedOrchestrator) -> None:
    options = {
        "agentCount": 3,
        "quickModeEnabled": None,
        "mock": True,
        "silent": True,
        "budget": 50.0,
        "role_models": {"Researcher": "m"},
        "agents": [7],
        "fileIds": ["file-1", "file-1"],
        "vercelAiKey": "sk-very-secret",
        "mode": "chat",
        "clientTools": {"mcp": [{"serverName": "s", "apiKey": "sk-very-secret"}]},
    }
    body = {"prompt": "p", "options": options, "modelId": "top", "vercelAiKey": "sk-very-secret", "attachments": []}
    reply = await ask(edge, "POST", "/api/developer/run", json=body)
    assert reply.status == 200, reply.text
    assert reply.json == {"taskId": RUN, "status": "processing"}
    (given,) = peers.runs.started
    assert (given.prompt, given.model_id, given.agent_count, given.budget_credits) == ("p", "top", 3, 50)
    assert (given.mock, given.silent, given.quick) == (True, True, False)
    assert dict(given.role_models) == {"Researcher": "m"}
    assert (list(given.agent_ids), list(given.file_ids)) == ([7], ["file-1"])
    assert "secret" not in given.options_json
    assert '"mode":"chat"' in given.options_json


@pytest.mark.parametrize(
    "body",
    [
        {"modelId": "m"},
        {"model_id": "m"},
        {"options": {"modelId": "m"}},
        {"options": {"model_id": "m"}},
        {"modelId": None, "options": {"modelId": "m"}},
    ],
)
async def test_a_model_is_read_wherever_it_is_named(
    edge: Site, peers: ScriptedOrchestrator, body: dict[str, Any]
) -> None:
    assert (await ask(edge, "POST", "/api/v1/developer/run", json={"prompt": "p", **body})).status == 200
    assert peers.runs.started[0].model_id == "m"


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (NotFound("THREAD_NOT_FOUND", "x"), 404, "Thread not found"),
        (NotFound("FILE_NOT_FOUND", "x"), 404, "File not found"),
        (InvalidInput("MODEL_UNKNOWN", "x", metadata={"model": "m"}), 400, 'model "m" is not available'),
        (
            PermissionDenied("MODEL_NOT_IN_PLAN", "x", metadata={"model": "m"}),
            403,
            'model "m" requires a Pro or Super subscription',
        ),
        (
            WrongState("INSUFFICIENT_CREDITS", "x", metadata={"required": "5", "available": "1"}),
            403,
            "Insufficient credits: 5 needed, 1 available",
        ),
        (WrongState("THREAD_BUSY", "x"), 409, "Another run is under way in this thread"),
    ],
)
async def test_refusals(edge: Site, peers: ScriptedOrchestrator, error: Any, status: int, text: str) -> None:
    peers.runs.refusal = error
    reply = await ask(edge, "POST", "/api/developer/run", json={"prompt": "p"})
    assert reply.status == status
    assert reply.json["error"] == reply.json["message"] == reply.json["detail"] == text
    assert (reply.json["status"], reply.json["code"]) == (status, error.reason)


async def test_bytes_are_passed_on_as_they_come_and_refusals_before_they_have(
    edge: Site, peers: ScriptedOrchestrator
) -> None:
    path, headers = "/api/v1/files/file-1/content", {"Authorization": "Bearer pwu_x"}
    reply = await edge.send("PUT", path, key=None, headers=headers, data=b"x" * 3_000_000)
    assert (reply.status, reply.json["bytes"]) == (200, 3_000_000), reply.text
    assert max(peers.uploads.chunks) <= CHUNK_BYTES
    assert [(each.file_id, each.token) for each in peers.uploads.tokens] == [("file-1", "pwu_x")]
    peers.uploads.refusal = Unauthenticated("UPLOAD_TOKEN_INVALID", "x")

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536

    async with asyncio.timeout(30):
        reply = await edge.send("PUT", path, key=None, headers=headers, data=endless())
    assert refused(reply, 401, "UNAUTHORIZED") == "Invalid or expired upload token"


async def test_results_that_do_not_fit_into_an_answer(edge: Site, peers: ScriptedOrchestrator) -> None:
    peers.runs.run.status = runs_pb2.RUN_STATUS_COMPLETED
    steps = [runs_pb2.Step(kind=runs_pb2.STEP_KIND_AGENT, result="x" * 1_000_000) for _ in range(4)]
    peers.runs.run.steps.extend(steps)
    peers.runs.run.result = "y" * 1_000
    state = (await ask(edge, "GET", f"/api/developer/status/{RUN}")).json
    assert state["result"] == "y" * 1_000
    assert [len(agent["result"]) for agent in state["agentStatuses"]] == [603] * 4
    peers.runs.run.result = "y" * (RESULT_BYTES + 1)
    for path in ("status", "results"):
        text = refused(await ask(edge, "GET", f"/api/developer/{path}/{RUN}"), 413, "RESULT_TOO_LARGE")
        assert text == "Task result is too large for inline retrieval"


async def test_a_plan_that_is_used_up(edge: Site, peers: ScriptedOrchestrator) -> None:
    resets_at = int(time.time()) + 100
    facts = {"plan": "free", "window": "month", "limit": "8", "used": "8", "resets_at": str(resets_at)}
    peers.runs.refusal = Exhausted("QUOTA_EXCEEDED", "x", metadata=facts, retry_after_seconds=100)
    reply = await ask(edge, "POST", "/api/developer/run", json={"prompt": "p"})
    text = refused(reply, 429, "QUOTA_EXCEEDED")
    assert text.startswith("Developer API monthly quota exceeded. The plan free allows 8 runs per month, and again")
    assert text.endswith("piecework admin plans set super --operator 1")
    peers.runs.refusal = Exhausted("QUOTA_EXCEEDED", "x", metadata={**facts, "plan": "super"})
    text = refused(await ask(edge, "POST", "/api/developer/run", json={"prompt": "p"}), 429, "QUOTA_EXCEEDED")
    assert text.endswith("piecework admin plans set super --limit month=80 --operator 1")
    assert reply.headers["Retry-After"] == "100"
    assert (reply.headers["x-ratelimit-remaining"], reply.headers["x-ratelimit-reset"]) == ("0", str(resets_at))


async def test_what_is_left_of_the_plan_is_on_every_answer(edge: Site, peers: ScriptedOrchestrator) -> None:
    month, week = Timestamp(seconds=2_000_000_000), Timestamp(seconds=1_900_000_000)
    peers.plans.usage = [
        plans_pb2.QuotaUsage(window=plans_pb2.QUOTA_WINDOW_WEEK, limit=2, used=1, resets_at=week),
        plans_pb2.QuotaUsage(window=plans_pb2.QUOTA_WINDOW_MONTH, limit=8, used=7, resets_at=month),
    ]
    for method, path, options in (
        ("GET", _PATHS[0], {}),
        ("POST", "/api/developer/run", {"json": {"prompt": "p"}}),
        ("POST", "/api/developer/run", {"json": {}}),
        ("GET", "/api/developer/status/unknown", {}),
    ):
        reply = await ask(edge, method, path, **options)
        assert reply.headers["x-ratelimit-remaining"] == "1", path
        assert reply.headers["x-ratelimit-reset"] == "2000000000"
        assert reply.headers["request-id"] == reply.headers["X-Correlation-ID"]
    assert peers.plans.questions == 2, "polls ask once in a while, a run asks again"
    reply = await edge.send("GET", _PATHS[0], key=None)
    assert reply.status == 401
    assert reply.headers["request-id"]
