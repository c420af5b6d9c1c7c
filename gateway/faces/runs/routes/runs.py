"""Runs: begin one, ask how it stands, read what came of it."""

from __future__ import annotations

from piecework.orchestrator.v1 import runs_pb2

from gateway.call import Call
from gateway.faces.runs import attachments, options, render, schemas
from gateway.faces.runs.generations import generation
from gateway.faces.runs.inline import check_result, shown_of_talk
from gateway.faces.runs.requests import NewRun
from gateway.faces.runs.routes.table import READ, Rows
from gateway.routing import Route

_START_SECONDS = 20.0
_OPTIONS = (
    "Known `options` (all may be null, unknown ones are kept and shown): `modelId` (also at the top), `agentCount` "
    "1 to 16 as far as the plan allows, `quickModeEnabled` for one agent, `mock` for the built-in mock model, `silent` "
    "to keep the run out of logs, `budget` in credits, `role_models` (model by role), `agents` (ids of registered "
    "agents), `fileIds` (files that the agents may read). `attachment_ids` and `attachments` become such files too. "
    "Only this and runs in threads count against the plan."
)
LIMITED = (403, 404, 409, 415, 429)


class Runs:
    """Handlers of runs.

    Args:
        rows: knows the plans.
    """

    def __init__(self, rows: Rows) -> None:
        self._quotas = rows.quotas

    async def start(self, call: Call) -> schemas.TaskOutcome:
        """Begin a run."""
        return render.task_outcome(await self.begin(call), generation(call.request))

    async def start_in_thread(self, call: Call) -> schemas.ThreadTask:
        """Begin a run in a thread."""
        return render.thread_task(await self.begin(call), generation(call.request))

    async def begin(self, call: Call) -> runs_pb2.Run:
        """Begin the run of a request, and tell what is left of the plan."""
        options.fill(call.message, call.body)
        attachments.fill(call, call.message, call.body)
        started: runs_pb2.StartRunResponse = await call.send(call.peers.runs.StartRun, within=_START_SECONDS)
        await self._quotas.refresh(call)
        return started.run


async def get_status(call: Call) -> schemas.TaskState:
    """Tell how a run stands."""
    found: runs_pb2.GetRunResponse = await call.send(call.peers.runs.GetRun)
    check_result(found.run)
    return render.task_state(found.run, generation(call.request), shown_of_talk(found.run))


async def get_result(call: Call) -> schemas.TaskOutcome:
    """Tell what came of a run."""
    found: runs_pb2.GetRunResponse = await call.send(call.peers.runs.GetRun)
    check_result(found.run)
    return render.task_outcome(found.run, generation(call.request))


def routes(rows: Rows) -> list[Route]:
    """Return the rows of runs."""
    return [*_reads(rows), *_starts(rows, Runs(rows))]


def _reads(rows: Rows) -> list[Route]:
    by_id = {"request": runs_pb2.GetRunRequest, "places": {"task_id": "run_id"}, "errors": (*READ, 413), "tag": "Runs"}
    return [
        *rows.under_bases(
            "GET",
            "/status/{taskId}",
            "getTaskStatus",
            "Tell how a run stands",
            get_status,
            answer=schemas.TaskState,
            **by_id,
            description="Clients that send no `X-SDK-Language` or use `/api/developer` see `processing`, `completed` "
            "and `failed` only. What is not known is left out.",
        ),
        *rows.under_bases(
            "GET",
            "/results/{taskId}",
            "getTaskResult",
            "Read what came of a run",
            get_result,
            answer=schemas.TaskOutcome,
            **by_id,
        ),
    ]


def _starts(rows: Rows, runs: Runs) -> list[Route]:
    start = {
        "request": runs_pb2.StartRunRequest,
        "places": options.PLACES,
        "body": NewRun,
        "errors": LIMITED,
        "idempotent": True,
        "description": _OPTIONS,
    }
    return [
        *rows.under_bases(
            "POST",
            "/run",
            "startRun",
            "Begin a run of several agents on one prompt",
            runs.start,
            answer=schemas.TaskOutcome,
            **start,
            tag="Runs",
        ),
        *rows.under_bases(
            "POST",
            "/threads/{threadId}/runs",
            "startThreadRun",
            "Begin a run that continues a thread",
            runs.start_in_thread,
            answer=schemas.ThreadTask,
            **start,
            tag="Threads",
        ),
    ]
