"""Runs under way: end them, answer them, look into them. Their ids begin with `task_`, those of market tasks do not."""

from __future__ import annotations

from piecework.orchestrator.v1 import runs_pb2

from gateway.call import Call
from gateway.errors import Detail
from gateway.faces.runs import render, schemas
from gateway.faces.runs.errors import invalid
from gateway.faces.runs.generations import Generation
from gateway.faces.runs.requests import ActivePage, ApprovalAnswer, SteeringInput
from gateway.faces.runs.routes.table import READ, WRITE, Rows
from gateway.routing import Route
from gateway.shape import shown

TASKS = "/api/v1/tasks"
ID_PREFIX = "task_"
_TAG = "Runs under way"
_TASK = f"{TASKS}/{ID_PREFIX}{{runId}}"
_ALL = Generation(all_statuses=True)


async def cancel(call: Call) -> schemas.TaskEnded:
    """End a run."""
    ended: runs_pb2.CancelRunResponse = await call.send(call.peers.runs.CancelRun, _named(call))
    return render.task_ended(ended.run)


async def approve(call: Call) -> schemas.TaskEnded:
    """Answer a step that asked."""
    body: ApprovalAnswer = call.body
    message = _named(call)
    message.approved = body.approved
    message.result = next((text for text in (body.result, body.error) if isinstance(text, str)), "")
    answered: runs_pb2.AnswerApprovalResponse = await call.send(call.peers.runs.AnswerApproval, message)
    return render.task_ended(answered.run)


async def steer(call: Call) -> schemas.TaskEnded:
    """Say something to a run under way."""
    body: SteeringInput = call.body
    if not body.input.strip():
        raise invalid([Detail("input", "must be a non-empty string", shown(body.input))])
    steered: runs_pb2.SteerRunResponse = await call.send(call.peers.runs.SteerRun, _named(call))
    return render.task_ended(steered.run)


async def get_trace(call: Call) -> schemas.TraceAnswer:
    """Read all that happened in a run."""
    found: runs_pb2.GetRunResponse = await call.send(call.peers.runs.GetRun, _named(call))
    return render.trace(found.run)


async def list_active(call: Call) -> schemas.ActiveTasks:
    """List the runs that are not over."""
    call.message.active = True
    found: runs_pb2.ListRunsResponse = await call.send(call.peers.runs.ListRuns)
    tasks = [render.task_state(run, _ALL) for run in found.runs]
    return schemas.ActiveTasks(tasks, len(tasks))


def _named(call: Call) -> runs_pb2.AnswerApprovalRequest:
    call.message.run_id = ID_PREFIX + call.request.match_info["runId"]
    return call.message  # type: ignore[no-any-return]


def routes(rows: Rows) -> list[Route]:
    """Return the rows of control."""
    return [*_end(rows), *_words(rows), *_reads(rows)]


def _end(rows: Rows) -> list[Route]:
    return rows.at(
        [f"{_TASK}/cancel"],
        "POST",
        "cancelTask",
        "End a run; one that is over stays as it is",
        cancel,
        answer=schemas.TaskEnded,
        request=runs_pb2.CancelRunRequest,
        errors=READ,
        tag=_TAG,
        description="`not_stopped` names the steps that have not stopped yet.",
    )


def _words(rows: Rows) -> list[Route]:
    words = {"answer": schemas.TaskEnded, "errors": WRITE, "tag": _TAG}
    return [
        *rows.at(
            [f"{_TASK}/approve"],
            "POST",
            "approveTask",
            "Answer a step that asked for approval",
            approve,
            request=runs_pb2.AnswerApprovalRequest,
            places={"error": ""},
            body=ApprovalAnswer,
            **words,
        ),
        *rows.at(
            [f"{_TASK}/steer"],
            "POST",
            "steerTask",
            "Say something to a run under way",
            steer,
            request=runs_pb2.SteerRunRequest,
            body=SteeringInput,
            idempotent=True,
            description="Every call of a model that has not been made yet is told of it: that of an agent that waits "
            "for its turn, or has just used a tool, and of those who join and check the answers. A registered agent "
            "reads only what was said before its turn came.",
            **words,
        ),
    ]


def _reads(rows: Rows) -> list[Route]:
    return [
        *rows.at(
            [f"{_TASK}/trace"],
            "GET",
            "getTaskTrace",
            "Read every step of a run with its model, tokens, cost and times",
            get_trace,
            answer=schemas.TraceAnswer,
            request=runs_pb2.GetRunRequest,
            errors=READ,
            tag=_TAG,
        ),
        *rows.at(
            [f"{TASKS}/active"],
            "GET",
            "listActiveTasks",
            "List the runs that are not over, newest first",
            list_active,
            answer=schemas.ActiveTasks,
            request=runs_pb2.ListRunsRequest,
            query=ActivePage,
            errors=(400, 403),
            tag=_TAG,
        ),
    ]
