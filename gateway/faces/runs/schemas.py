"""The documented answers about runs. What is not known is left out: old clients break on `null`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

Status = Literal["processing", "completed", "failed", "canceled", "awaiting_approval"]
AgentState = Literal["QUEUED", "PROCESSING...", "COMPLETED", "FAILED", "TIMEOUT"]


class AgentStatus(msgspec.Struct):
    """How one agent of a run stands; `agent_id` counts from 0."""

    agent_id: int
    status: AgentState
    progress: float
    role: str | UnsetType = UNSET
    question: str | UnsetType = UNSET
    result: str | UnsetType = UNSET
    error: str | UnsetType = UNSET
    model: str | UnsetType = UNSET


class ToolEvent(msgspec.Struct, rename="camel"):
    """One use of a tool."""

    invocation_id: str
    agent_label: str
    tool_name: str
    success: bool
    duration_ms: int
    status: Literal["completed", "failed"]
    agent_id: int | UnsetType = UNSET
    error: str | UnsetType = UNSET
    result_preview: str | UnsetType = UNSET
    arguments: dict[str, Any] | UnsetType = UNSET


class PendingApproval(msgspec.Struct, rename="camel"):
    """What a step asks its operator."""

    approval_id: str
    permission: str
    agent_name: str
    patterns: list[str]
    metadata: dict[str, Any]


class BudgetUsage(msgspec.Struct, rename="camel"):
    """What a run may spend and has spent; a credit is a cent."""

    consumed_usd: float
    consumed_credits: int
    reserved_credits: int
    exhausted: bool
    initial_usd: float | UnsetType = UNSET
    remaining_usd: float | UnsetType = UNSET
    initial_credits: int | UnsetType = UNSET
    remaining_credits: int | UnsetType = UNSET


class Input(msgspec.Struct):
    """What was said to a run while it was under way."""

    input: str
    at: str
    by: str


class TaskOutcome(msgspec.Struct, rename="camel"):
    """How a run stands, as every client reads it."""

    task_id: str
    status: Status
    message: str | UnsetType = UNSET
    result: str | UnsetType = UNSET
    error: str | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET


class TaskState(TaskOutcome):
    """How a run stands, with all that is known about it; times in seconds since 1970."""

    user_id: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    model_id: str | UnsetType = UNSET
    started: int | UnsetType = UNSET
    updated_at: int | UnsetType = UNSET
    progress_version: int | UnsetType = UNSET
    agent_statuses: list[AgentStatus] | UnsetType = UNSET
    tool_events: list[ToolEvent] | UnsetType = UNSET
    conversation_id: str | UnsetType = UNSET
    trace_id: str | UnsetType = UNSET
    file_ids: list[str] | UnsetType = UNSET
    mock: bool | UnsetType = UNSET
    options: dict[str, Any] | UnsetType = UNSET
    inputs: list[Input] | UnsetType = UNSET
    pending_approval: PendingApproval | UnsetType = UNSET
    budget_usage: BudgetUsage | UnsetType = UNSET


class ThreadTask(TaskOutcome):
    """A run that began in a thread, in the words of all clients."""

    snake_task_id: str = msgspec.field(name="task_id", default="")
    thread_id: str = ""
    snake_thread_id: int = msgspec.field(name="thread_id", default=0)
    message_id: int = msgspec.field(name="message_id", default=0)


class TaskEnded(msgspec.Struct):
    """What became of a run that was cancelled, or of one that got its approval."""

    task_id: str
    status: Status
    result: str | UnsetType = UNSET
    error: str | UnsetType = UNSET
    conversation_id: str | UnsetType = UNSET
    trace_id: str | UnsetType = UNSET
    not_stopped: list[str] | UnsetType = UNSET


class ActiveTasks(msgspec.Struct):
    """Runs that are not over, newest first."""

    tasks: list[TaskState]
    count: int


class TraceStep(msgspec.Struct):
    """One step of a run: who did what with which model, at which price, and when."""

    id: str
    kind: str
    state: str
    model: str
    question: str
    result: str
    progress: float
    tokens_in: int
    tokens_out: int
    cost_credits: int
    attempts: int
    tools: list[ToolEvent]
    role: str | UnsetType = UNSET
    agent_index: int | UnsetType = UNSET
    agent_id: int | UnsetType = UNSET
    error: str | UnsetType = UNSET
    started_at: str | UnsetType = UNSET
    ended_at: str | UnsetType = UNSET
    duration_ms: int | UnsetType = UNSET


class Trace(msgspec.Struct):
    """All that happened in a run."""

    id: str
    task_id: str
    user_id: str
    goal: str
    plan: list[str]
    steps: list[TraceStep]
    self_eval: str | None
    report: str | None
    artifacts: list[str]
    inputs: list[Input]
    status: Status
    budget: BudgetUsage
    created_at: str
    ended_at: str | UnsetType = UNSET


class TraceAnswer(msgspec.Struct):
    """The trace of a run."""

    trace: Trace


class ModelOption(msgspec.Struct, rename="camel"):
    """A model that runs may use; prices are credits for 1,000 tokens."""

    id: str
    label: str
    badge: str
    context_length: int
    input_credits_per_1k: float = msgspec.field(name="inputCreditsPer1k")
    output_credits_per_1k: float = msgspec.field(name="outputCreditsPer1k")
    requires_paid_plan: bool = False
    description: str | UnsetType = UNSET
    usage_multiple: float | UnsetType = UNSET
    reasoning_effort_levels: list[str] | UnsetType = UNSET
    default_reasoning_effort: str | UnsetType = UNSET


class Models(msgspec.Struct, rename="camel"):
    """The models there are."""

    enabled: bool
    default_model_id: str
    options: list[ModelOption]
