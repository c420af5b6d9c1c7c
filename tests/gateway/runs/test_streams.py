"""Streams, uploads and downloads that are cut, with an orchestrator that does what the test says."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from piecework.orchestrator.v1 import files_pb2, runs_pb2

from tests.gateway.runs.scripted import RUN, ScriptedOrchestrator
from tests.gateway.runs.strict import ALL, StrictReader
from tests.gateway.site import Reply, Site

_NEW = {"X-SDK-Language": "typescript"}
_STEP = "019a0000-0000-7000-8000-000000000002"


async def ask(edge: Site, method: str, path: str, **options: Any) -> Reply:
    return await edge.send(method, path, key="good", **options)


def step(**more: Any) -> runs_pb2.Step:
    given = {"id": _STEP, "kind": runs_pb2.STEP_KIND_AGENT, "role": "Researcher", **more}
    return runs_pb2.Step(**given)


def event(seq: int, kind: str, run: runs_pb2.Run | None, **more: Any) -> runs_pb2.WatchRunResponse:
    return runs_pb2.WatchRunResponse(seq=seq, type=kind, run=run, **more)


def progress(seq: int, run: runs_pb2.Run) -> runs_pb2.WatchRunResponse:
    """Return an event that shows something else than the one before it."""
    told = event(seq, "step.progress", run)
    told.run.message = f"Event {seq}"
    return told


async def test_what_looks_the_same_is_told_once(edge: Site, peers: ScriptedOrchestrator) -> None:
    """The joining of answers lies on its queue, and then begins: nothing that is shown has changed."""
    run = peers.runs.run
    run.message = "Joining the answers"
    run.steps.append(step(state=runs_pb2.STEP_STATE_COMPLETED, result="x"))
    queued = event(1, "step.completed", run, step_id=_STEP)
    run.steps.append(runs_pb2.Step(id="joining", kind=runs_pb2.STEP_KIND_SYNTHESIS))
    begun = event(2, "step.started", run, step_id="joining")
    run.message = "Checking the answer"
    checking = event(3, "step.completed", run, step_id="joining")
    run.status = runs_pb2.RUN_STATUS_COMPLETED
    await peers.runs.tell(queued, begun, checking, event(4, "run.completed", run))
    async with StrictReader(edge, f"/api/v1/stream/{RUN}", key="good") as reader:
        lines = await reader.read()
    assert [line.id for line in lines] == ["1", "3", "4"]


async def test_the_end_of_a_run_sets_nothing_aside(edge: Site, peers: ScriptedOrchestrator) -> None:
    """Its workers have not stopped yet, and no event tells of it when they have."""
    run = peers.runs.run
    run.status = runs_pb2.RUN_STATUS_CANCELED
    run.budget.MergeFrom(runs_pb2.Budget(limit_credits=50, spent_credits=2, reserved_credits=7))
    await peers.runs.tell(event(1, "run.canceled", run))
    async with StrictReader(edge, f"/api/v1/stream/{RUN}", key="good") as reader:
        (line,) = await reader.read()
    assert line.data["budget_usage"]["reservedCredits"] == 0
    assert line.data["budget_usage"]["consumedCredits"] == 2


async def test_a_strict_reader_takes_every_line(edge: Site, peers: ScriptedOrchestrator) -> None:
    run = peers.runs.run
    run.steps.append(step(state=runs_pb2.STEP_STATE_RUNNING, question="why?"))
    first = event(1, "run.started", run)
    started = event(2, "step.started", run, step_id=_STEP)
    token = event(3, "step.progress", None, step_id=_STEP, delta="Once upon\ndata: x")
    fleeting = event(0, "step.progress", None, step_id=_STEP, delta="a time")
    run.steps[0].MergeFrom(step(state=runs_pb2.STEP_STATE_COMPLETED, result="x" * 2000))
    finished = event(4, "step.completed", run, step_id=_STEP)
    run.steps[0].result = ""
    waits = event(5, "run.awaiting_approval", run)
    waits.run.status = runs_pb2.RUN_STATUS_AWAITING_APPROVAL
    run.MergeFrom(runs_pb2.Run(status=runs_pb2.RUN_STATUS_COMPLETED, result="line one\nline two", thread_id=7))
    lost = event(6, "run.message", None)
    await peers.runs.tell(first, started, token, fleeting, finished, waits, lost, event(7, "run.completed", run))
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
    await peers.runs.tell(*(progress(seq, run) for seq in range(1, 5)))
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
    await peers.runs.tell(*(progress(seq, run) for seq in range(1, 4)), event(4, "run.completed", run))
    async with StrictReader(edge, f"/api/v1/stream/{RUN}", key="good", Last_Event_ID="2") as reader:
        assert [line.id for line in await reader.read()] == ["3", "4"]
    reply = await ask(edge, "GET", f"/api/v1/stream/{RUN}", headers={"Last-Event-ID": "x"})
    assert (reply.status, reply.json["code"]) == (400, "INVALID_REQUEST")


async def test_a_cursor_of_another_history(edge: Site, peers: ScriptedOrchestrator) -> None:
    run = peers.runs.run
    peers.runs.ahead = 2
    await peers.runs.tell(*(progress(seq, run) for seq in range(1, 4)))
    run.MergeFrom(runs_pb2.Run(status=runs_pb2.RUN_STATUS_COMPLETED, result="r"))
    await peers.runs.tell(event(4, "run.completed", run))
    async with StrictReader(edge, f"/api/v1/stream/{RUN}", key="good", Last_Event_ID="1000") as reader:
        assert [line.id for line in await reader.read()] == ["2", "3", "4"]


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
