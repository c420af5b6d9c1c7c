"""Shapes for clients of every age, and streams that are cut, with an orchestrator that does what the test says."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from piecework.billing.v1 import plans_pb2
from piecework.orchestrator.v1 import files_pb2, runs_pb2

from gateway.app import GatewayResources
from gateway.server import serve
from kit.caller import CallerSigner
from kit.channels import Channels, Outgoing
from kit.errors import Exhausted, InvalidInput, NotFound, PermissionDenied, WrongState
from kit.settings import Settings
from tests.gateway.runs.scripted import RUN, ScriptedOrchestrator
from tests.gateway.runs.strict import ALL, StrictReader
from tests.gateway.site import Reply, Site

_KEY = "k" * 32
_PATHS = (
    f"/api/developer/status/{RUN}",
    f"/api/v1/developer/status/{RUN}",
    f"/api/developer/results/{RUN}",
    f"/api/v1/developer/results/{RUN}",
)
_NEW = {"X-SDK-Language": "typescript"}
_STEP = "019a0000-0000-7000-8000-000000000002"


@pytest.fixture
async def peers() -> AsyncIterator[ScriptedOrchestrator]:
    """Services that do what the test says."""
    peers = ScriptedOrchestrator()
    await peers.start()
    yield peers
    await peers.stop()


@pytest.fixture
async def edge(peers: ScriptedOrchestrator) -> AsyncIterator[Site]:
    """A gateway that reaches these services over the network."""
    names = ("tasks", "agents", "billing", "orchestrator")
    channels = Channels(dict.fromkeys(names, f"127.0.0.1:{peers.port}"))
    settings = Settings(caller_key=_KEY, rate_limits=False, drain_seconds=0.1)
    resources = GatewayResources(settings, channels, Outgoing(CallerSigner(_KEY)), heartbeat_seconds=0.2)
    server = await serve(resources, "127.0.0.1", 0)
    site: Any = Site(f"http://127.0.0.1:{server.port}", None, resources, server=server)  # type: ignore[arg-type]
    site.http = aiohttp.ClientSession(site.url)
    yield site
    await site.close()
    await channels.close()


async def ask(edge: Site, method: str, path: str, **options: Any) -> Reply:
    return await edge.send(method, path, key="good", **options)


def step(**more: Any) -> runs_pb2.Step:
    given = {"id": _STEP, "kind": runs_pb2.STEP_KIND_AGENT, "role": "Researcher", **more}
    return runs_pb2.Step(**given)


def event(seq: int, kind: str, run: runs_pb2.Run | None, **more: Any) -> runs_pb2.WatchRunResponse:
    return runs_pb2.WatchRunResponse(seq=seq, type=kind, run=run, **more)


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


async def test_a_plan_that_is_used_up(edge: Site, peers: ScriptedOrchestrator) -> None:
    resets_at = int(time.time()) + 100
    facts = {"window": "month", "limit": "8", "used": "8", "resets_at": str(resets_at)}
    peers.runs.refusal = Exhausted("QUOTA_EXCEEDED", "x", metadata=facts, retry_after_seconds=100)
    reply = await ask(edge, "POST", "/api/developer/run", json={"prompt": "p"})
    assert (reply.status, reply.json["error"]) == (429, "Developer API monthly quota exceeded")
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


async def test_a_strict_reader_takes_every_line(edge: Site, peers: ScriptedOrchestrator) -> None:
    run = peers.runs.run
    run.steps.append(step(state=runs_pb2.STEP_STATE_RUNNING, question="why?"))
    first = event(1, "run.started", run)
    progress = event(2, "step.started", run, step_id=_STEP)
    token = event(3, "step.progress", None, step_id=_STEP, delta="Once upon\ndata: x")
    fleeting = event(0, "step.progress", None, step_id=_STEP, delta="a time")
    run.steps[0].MergeFrom(step(state=runs_pb2.STEP_STATE_COMPLETED, result="x" * 2000))
    finished = event(4, "step.completed", run, step_id=_STEP)
    run.steps[0].result = ""
    waits = event(5, "run.awaiting_approval", run)
    waits.run.status = runs_pb2.RUN_STATUS_AWAITING_APPROVAL
    run.MergeFrom(runs_pb2.Run(status=runs_pb2.RUN_STATUS_COMPLETED, result="line one\nline two", thread_id=7))
    lost = event(6, "run.message", None)
    await peers.runs.tell(first, progress, token, fleeting, finished, waits, lost, event(7, "run.completed", run))
    async with StrictReader(edge, f"/api/v1/stream/{RUN}", key="good") as reader:
        lines = await reader.read()
    names = ["start", "progress", "chunk", "chunk", "progress", "progress", "progress", "complete"]
    assert [line.event for line in lines] == names
    assert [line.id for line in lines] == ["1", "2", "3", "", "4", "5", "6", "7"]
    assert all(line.event == line.data["type"] for line in lines)
    assert lines[1].data["agent_statuses"][0] == {
        "agent_id": 0,
        "status": "PROCESSING...",
        "progress": 0.5,
        "role": "Researcher",
        "question": "why?",
    }
    assert lines[2].data["delta"] == "Once upon\ndata: x"
    assert (lines[2].data["agent_id"], lines[2].data["stage"]) == (0, "agent")
    assert lines[4].data["agent_statuses"][0]["result"] == "x" * 600 + "..."
    assert lines[5].data["agent_statuses"][0]["result"] == "x" * 600 + "...", "what did not change is remembered"
    assert lines[5].data["status"] == lines[6].data["status"] == "processing"
    assert lines[7].data["result"] == lines[7].data["message"] == "line one\nline two"
    assert lines[7].data["conversation_id"] == "7"
    assert reader.comments[0] == "connected"
    assert reader.response.headers["Cache-Control"] == "no-cache, no-transform"
    assert reader.response.headers["X-Accel-Buffering"] == "no"


@pytest.mark.parametrize("path", ["/api/stream", "/api/developer/stream", "/api/v1/developer/stream"])
async def test_new_clients_see_every_status(edge: Site, peers: ScriptedOrchestrator, path: str) -> None:
    run = peers.runs.run
    run.status = runs_pb2.RUN_STATUS_CANCELED
    await peers.runs.tell(event(1, "run.canceled", run))
    async with StrictReader(edge, f"{path}/{RUN}", key="good", statuses=ALL, **_NEW) as reader:
        (line,) = await reader.read()
    assert line.event == "error"
    assert line.data["status"] == ("canceled" if path.startswith("/api/v1/") else "failed")


async def test_a_stream_goes_on_when_the_service_is_lost(edge: Site, peers: ScriptedOrchestrator) -> None:
    run = peers.runs.run
    peers.runs.cut_after = 2
    await peers.runs.tell(*(event(seq, "step.progress", run) for seq in range(1, 5)))
    async with StrictReader(edge, f"/api/v1/stream/{RUN}", key="good") as reader:
        for seq in range(1, 5):
            line = await reader.next()
            assert line is not None
            assert line.id == str(seq)
        run.MergeFrom(runs_pb2.Run(status=runs_pb2.RUN_STATUS_FAILED, error="why"))
        await peers.runs.tell(event(5, "run.failed", run))
        rest = await reader.read()
    assert [line.id for line in rest] == ["1", "2", "3", "4", "5"]
    assert (rest[-1].event, rest[-1].data["error"]) == ("error", "why")
    assert peers.runs.asked == [0, 2]


async def test_a_client_resumes_where_it_left_off(edge: Site, peers: ScriptedOrchestrator) -> None:
    run = peers.runs.run
    run.MergeFrom(runs_pb2.Run(status=runs_pb2.RUN_STATUS_COMPLETED, result="r"))
    progress = [event(seq, "step.progress", run) for seq in range(1, 4)]
    await peers.runs.tell(*progress, event(4, "run.completed", run))
    async with StrictReader(edge, f"/api/v1/stream/{RUN}", key="good", Last_Event_ID="2") as reader:
        assert [line.id for line in await reader.read()] == ["3", "4"]
    reply = await ask(edge, "GET", f"/api/v1/stream/{RUN}", headers={"Last-Event-ID": "x"})
    assert (reply.status, reply.json["code"]) == (400, "INVALID_REQUEST")


async def test_silence_is_filled_with_comments(edge: Site, peers: ScriptedOrchestrator) -> None:
    async with StrictReader(edge, f"/api/v1/stream/{RUN}", key="good") as reader:
        while reader.comments.count("heartbeat") < 2:
            line = (await reader.response.content.readline()).decode()
            assert line.startswith(":") or not line.strip()
            reader.comments.append(line[1:].strip())
    del peers


async def test_a_download_that_breaks_off_is_no_whole_file(edge: Site, peers: ScriptedOrchestrator) -> None:
    async def parts(context: Any) -> AsyncIterator[files_pb2.DownloadFileResponse]:
        file = files_pb2.File(id="f", filename='a "b"\n.txt', size_bytes=10, mime_type="text/html")
        yield files_pb2.DownloadFileResponse(file=file)
        yield files_pb2.DownloadFileResponse(chunk=b"12345")
        del context
        raise RuntimeError

    peers.files.download = parts
    with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        await ask(edge, "GET", "/api/developer/files/f/content")


async def test_an_upload_goes_out_in_parts(edge: Site, peers: ScriptedOrchestrator) -> None:
    for order in (("file", "purpose"), ("purpose", "file")):
        form = aiohttp.FormData(quote_fields=False)
        for name in order:
            if name == "file":
                content = b"x" * 2_000_000
                form.add_field("file", content, filename="../../etc/passwd.txt", content_type="text/plain")
            else:
                form.add_field("purpose", "vision")
        reply = await ask(edge, "POST", "/api/developer/files", data=form)
        assert reply.status == 200, reply.text
        about, chunks = peers.files.uploads.pop()
        assert (about.purpose, about.mime_type) == ("vision", "text/plain")
        assert about.filename == "passwd.txt"
        assert sum(chunks) == 2_000_000
        assert max(chunks) <= 1_048_576
