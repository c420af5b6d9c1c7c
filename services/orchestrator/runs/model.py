"""A run, its steps and its money. No I/O.

creating ──held, counted──▶ processing ◀──answered── awaiting_approval
                                │       ──a step asks──▶
                                └──▶ completed, failed, canceled
A step: pending ──its turn──▶ queued ──leased──▶ running ──▶ completed, failed, canceled
                                ▲                   │
                                └──retry, approval──┘
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

# Of runs. `creating` and `abandoned` are seen by nobody.
CREATING, ABANDONED, PROCESSING, AWAITING_APPROVAL = "creating", "abandoned", "processing", "awaiting_approval"
COMPLETED, FAILED, CANCELED = "completed", "failed", "canceled"
ACTIVE = (PROCESSING, AWAITING_APPROVAL)
OVER = (COMPLETED, FAILED, CANCELED)
# Of steps, besides the last three and `awaiting_approval`.
PENDING, QUEUED, RUNNING = "pending", "queued", "running"
# Who says something in a conversation with a model.
ASSISTANT, USER = "assistant", "user"
# Kinds of steps.
DECOMPOSE, AGENT, SYNTHESIS, VALIDATION = "decompose", "agent", "synthesis", "validation"

MAX_ANSWER_BYTES = 200_000
MAX_ATTEMPTS = 5
MAX_TOOL_CALLS = 100
RUN_SECONDS = 600
STEP_SECONDS = 300.0
APPROVAL_WAIT = timedelta(hours=24)
# However often it is asked and answered, a run ends before the hold of its budget does.
MAX_LIFE = 2 * APPROVAL_WAIT
HOLD_LIFE = 3 * APPROVAL_WAIT


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """One call of a tool; see the message of that name."""

    id: str
    name: str
    arguments_json: str
    success: bool
    result_preview: str = ""
    error: str = ""
    duration_ms: int = 0


class Turn(msgspec.Struct, frozen=True):
    """Something said between a step and its model: `assistant` or `user`."""

    role: str
    content: str


class Approval(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a step asks its operator."""

    id: str
    permission: str
    patterns: tuple[str, ...] = ()
    metadata_json: str = ""


class Steering(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an operator said while the run was under way; `key` names the call that brought it."""

    input: str
    at: datetime
    actor: str
    key: str | None = None


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of work within a run.

    Attributes:
        item_id: the work item that it lies on the queue as; another one after each approval.
        state: where it stands.
        agent_id: the registered agent that does it; 0 for a model.
        owner: the operator of that agent.
        payee: who is paid for it; 0 when that is the run's own operator.
        cost: credits that it has spent; what calls cost that a crash interrupted counts as the most they could.
        reserved: credits set aside for the call that is under way.
        token: fencing token of the last hand-out.
        holder: the worker that has it; stays when the step is cancelled, until the worker has stopped.
        turns: what was said so far, while the step waits for an answer.
        approval: what it asks, while it waits.
        retry_at: when the next attempt may begin.
        on_queue: whether its item is known to be on the queue.
    """

    id: str
    kind: str
    state: str = PENDING
    item_id: str = ""
    agent_index: int = 0
    role: str = ""
    model_id: str = ""
    agent_id: int = 0
    owner: int = 0
    payee: int = 0
    question: str = ""
    result: str = ""
    error: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    cost: int = 0
    reserved: int = 0
    tool_calls: tuple[ToolCall, ...] = ()
    attempts: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    token: int = 0
    holder: str = ""
    turns: tuple[Turn, ...] = ()
    approval: Approval | None = None
    retry_at: datetime | None = None
    on_queue: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing more happens to it."""
        return self.state in OVER

    @property
    def is_stopping(self) -> bool:
        """Whether it was cancelled and its worker does not know yet, or has not said so."""
        return self.is_over and bool(self.holder)


class Run(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run.

    Attributes:
        id: `task_` and a UUID.
        version: grows with each write.
        weight: the operator's share of the workers, from its plan.
        model_id: the model of steps that have no other.
        limit: credits that are held; 0 when nothing is, and nothing may be spent.
        exhausted: whether the budget was too small for a step.
        steering: what was said to it since it began.
        approve_tools: tools that need the operator's approval.
        deadline_at: when it ends by itself.
        left_ms: how much of its time was left when it began to wait for an approval.
        settled: whether the ledger has been told the end.
        told: whether the thread has been told the end.
        ended_version: the version of the write that ended it.
        idempotency: the key of the call that made it.
    """

    id: str = msgspec.field(name="_id")
    operator_id: int
    status: str
    version: int
    prompt: str
    model_id: str
    created_at: datetime
    updated_at: datetime
    deadline_at: datetime
    weight: int = 1
    steps: tuple[Step, ...] = ()
    message: str = ""
    result: str = ""
    error: str = ""
    warnings: tuple[str, ...] = ()
    limit: int = 0
    exhausted: bool = False
    thread_id: int = 0
    message_id: int = 0
    file_ids: tuple[str, ...] = ()
    mock: bool = False
    silent: bool = False
    quick: bool = False
    options_json: str = ""
    steering: tuple[Steering, ...] = ()
    approve_tools: tuple[str, ...] = ()
    left_ms: int = 0
    ended_at: datetime | None = None
    settled: bool = False
    told: bool = False
    ended_version: int = 0
    idempotency: str | None = None

    @property
    def uuid(self) -> str:
        """The id without what it begins with."""
        return self.id.removeprefix("task_")

    @property
    def hold_id(self) -> str:
        """The hold of the run in the ledger, and what it counts as in the plan."""
        return f"run:{self.uuid}"

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self.status in OVER

    @property
    def spent(self) -> int:
        """Credits that are spent."""
        return sum(step.cost for step in self.steps)

    @property
    def reserved(self) -> int:
        """Credits that are set aside for calls under way."""
        return sum(step.reserved for step in self.steps)

    @property
    def agents(self) -> tuple[Step, ...]:
        """The steps of agents."""
        return tuple(step for step in self.steps if step.kind == AGENT)

    @property
    def asking(self) -> Step | None:
        """The step whose question the operator is to answer next."""
        return next((step for step in self.steps if step.state == AWAITING_APPROVAL), None)

    def step(self, step_id: str) -> Step | None:
        """Return a step."""
        return next((step for step in self.steps if step.id == step_id), None)

    def of_kind(self, kind: str) -> Step | None:
        """Return the first step of a kind."""
        return next((step for step in self.steps if step.kind == kind), None)

    def with_steps(self, changed: Sequence[Step]) -> Run:
        """Return the run with other values for some steps."""
        by_id = {step.id: step for step in changed}
        return msgspec.structs.replace(self, steps=tuple(by_id.get(step.id, step) for step in self.steps))


class RunEvent(msgspec.Struct, frozen=True):
    """What happened to a run: `type` is for example `step.completed`, `step_id` is empty for the run as a whole."""

    type: str
    step_id: str = ""
    actor: str = "orchestrator"


def cut(text: str, max_bytes: int = MAX_ANSWER_BYTES) -> str:
    """Return the beginning of a text that is too long, by its size in UTF-8; what cannot be stored is replaced."""
    raw = text.encode("utf-8", "replace")
    return raw.decode() if len(raw) <= max_bytes else raw[:max_bytes].decode("utf-8", "ignore")
