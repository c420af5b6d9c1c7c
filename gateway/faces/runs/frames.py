"""What happens in a run, as the frames of its stream.

Each `data:` line alone is one JSON object with `taskId` and a status that the client knows, so that the strictest of
the published readers accepts every line.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType
from piecework.orchestrator.v1 import runs_pb2

from gateway.faces.runs import render, schemas
from gateway.faces.runs.generations import Generation
from gateway.faces.runs.inline import SHOWN_CHARACTERS

_OVER = frozenset({"run.completed", "run.failed", "run.canceled"})
_ENDED = frozenset({runs_pb2.RUN_STATUS_COMPLETED, runs_pb2.RUN_STATUS_FAILED, runs_pb2.RUN_STATUS_CANCELED})
_STEERED = "run.steered"
_AT_THE_END = frozenset({runs_pb2.STEP_KIND_SYNTHESIS, runs_pb2.STEP_KIND_VALIDATION})
_encode = msgspec.json.Encoder().encode

HELLO = b": connected\n\n"


class RunEvent(msgspec.Struct):
    """The JSON of every event of a run; which fields are there depends on `type`."""

    type: Literal["start", "progress", "chunk", "complete", "error"]
    task_id: str = msgspec.field(name="taskId")
    status: schemas.Status
    message: str | UnsetType = UNSET
    result: str | UnsetType = UNSET
    error: str | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    model_id: str | UnsetType = UNSET
    agent_count: int | UnsetType = UNSET
    agent_id: int | UnsetType = UNSET
    stage: str | UnsetType = UNSET
    delta: str | UnsetType = UNSET
    input: schemas.Input | UnsetType = UNSET
    agent_statuses: list[schemas.AgentStatus] | UnsetType = UNSET
    tool_usage: list[schemas.ToolEvent] | UnsetType = UNSET
    pending_approval: schemas.PendingApproval | UnsetType | None = UNSET
    budget_usage: schemas.BudgetUsage | UnsetType = UNSET
    conversation_id: str | UnsetType = UNSET
    trace_id: str | UnsetType = UNSET


def is_over(message: runs_pb2.WatchRunResponse) -> bool:
    """Tell whether nothing comes after a message."""
    return message.type in _OVER


def has_ended(run: runs_pb2.Run) -> bool:
    """Tell whether a run is over."""
    return run.status in _ENDED


class RunFrames:
    """Makes the frames of one stream, and remembers what single messages leave out.

    Args:
        client: what the client understands.
        run: the run, as it was when the stream was opened.
    """

    def __init__(self, client: Generation, run: runs_pb2.Run) -> None:
        self._client = client
        self._run = run
        self._known: dict[tuple[str, str], str] = {}

    def __call__(self, message: runs_pb2.WatchRunResponse) -> bytes:
        """Return the bytes of a message; none when nothing of it can be seen."""
        if message.delta:
            return _frame(message.seq, "chunk", self._chunk(message))
        if message.HasField("run"):
            self._run = message.run
            self._complete(message.run)
            return b"" if _is_unseen(message) else _frame(message.seq, *self._event(message.type, message.run))
        # Events that are no longer kept: how the agents stood before is all that is known here.
        return _frame(message.seq, *self._event("run.message", _under_way(self._run)))

    def _event(self, kind: str, run: runs_pb2.Run) -> tuple[str, RunEvent]:
        if kind in _OVER:
            return self._end(run)
        fields = render.outcome(run, self._client)
        if kind == "run.started":
            count = sum(step.kind == runs_pb2.STEP_KIND_AGENT for step in run.steps)
            event = RunEvent("start", **fields, model_id=run.model_id or UNSET, agent_count=count or UNSET)
            return "start", event
        event = RunEvent(
            "progress",
            **fields,
            agent_statuses=render.agents(run, SHOWN_CHARACTERS),
            tool_usage=render.tools(run) or UNSET,
            pending_approval=render.approval(run) or None,
            budget_usage=render.budget(run.budget),
            input=next(iter(render.inputs(run, SHOWN_CHARACTERS)), UNSET) if kind == _STEERED else UNSET,
        )
        return "progress", event

    def _end(self, run: runs_pb2.Run) -> tuple[str, RunEvent]:
        fields = render.outcome(run, self._client)
        kind: Literal["complete", "error"] = "complete" if "result" in fields else "error"
        fields["message"] = fields.get("result") or fields["error"]
        event = RunEvent(
            kind,
            **fields,
            agent_statuses=render.agents(run, SHOWN_CHARACTERS),
            tool_usage=render.tools(run) or UNSET,
            budget_usage=render.budget(run.budget, over=True),
            conversation_id=str(run.thread_id) if run.thread_id else UNSET,
            trace_id=run.id,
        )
        return kind, event

    def _chunk(self, message: runs_pb2.WatchRunResponse) -> RunEvent:
        step = next((each for each in self._run.steps if each.id == message.step_id), None)
        is_agent = step is not None and step.kind == runs_pb2.STEP_KIND_AGENT
        return RunEvent(
            "chunk",
            self._run.id,
            "processing",
            agent_id=step.agent_index if step is not None and is_agent else UNSET,
            stage=render.stage(step) if step is not None else UNSET,
            delta=message.delta,
        )

    def _complete(self, run: runs_pb2.Run) -> None:
        """Put the texts into the steps that did not change, which messages leave out."""
        for step in run.steps:
            for name in ("question", "result"):
                if text := getattr(step, name):
                    self._known[step.id, name] = text[: SHOWN_CHARACTERS + 1]
                elif known := self._known.get((step.id, name)):
                    setattr(step, name, known)


def _is_unseen(message: runs_pb2.WatchRunResponse) -> bool:
    """Tell whether a step began that is no agent's, and whose turn was told already: all reads of a stream agree."""
    if message.type != "step.started":
        return False
    return any(step.id == message.step_id and step.kind in _AT_THE_END for step in message.run.steps)


def _under_way(run: runs_pb2.Run) -> runs_pb2.Run:
    if not has_ended(run):
        return run
    earlier = runs_pb2.Run()
    earlier.CopyFrom(run)
    earlier.status = runs_pb2.RUN_STATUS_PROCESSING
    return earlier


def _frame(seq: int, name: str, event: RunEvent) -> bytes:
    cursor = b"id: %d\n" % seq if seq else b""
    return b"%bevent: %b\ndata: %b\n\n" % (cursor, name.encode(), _encode(event))
