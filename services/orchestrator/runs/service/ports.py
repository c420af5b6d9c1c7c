"""What runs need from others: services behind gRPC, and the other features of the orchestrator. Only types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

if TYPE_CHECKING:
    from kit.caller import Caller
    from services.orchestrator.models.model import ChatMessage, Completion, ModelSpec
    from services.orchestrator.runs.blueprint import RemoteAgent
    from services.orchestrator.runs.model import Run, Turn
    from services.orchestrator.runs.tools import Result, Wish


class Plan(msgspec.Struct, frozen=True):
    """What an operator may use."""

    id: str
    max_agents: int
    run_seconds: int

    @property
    def is_free(self) -> bool:
        """Whether nothing is paid for it."""
        return self.id == "free"


class NewItem(NamedTuple):
    """A step to put on a queue: its item, the queue, its owner, and what the worker reads."""

    item_id: str
    queue: str
    operator_id: int
    payload_json: str
    max_attempts: int
    lease: timedelta


class Leased(NamedTuple):
    """A work item in the hands of a worker."""

    item_id: str
    token: int
    payload_json: str
    expires_at: datetime


class Outcome(NamedTuple):
    """How a remote agent stands with an item: `queued`, `leased`, `completed` or `failed`."""

    state: str
    result: str
    outputs_json: str
    token: int


class Models(Protocol):
    """Asks models; see `services.orchestrator.models.service`."""

    def resolve(self, model_id: str) -> ModelSpec:
        """Return a model; the default when the id is empty."""
        ...

    def uses_tools(self, model_id: str) -> bool:
        """Tell whether a model is told of tools."""
        ...

    def price(self, model_id: str, tokens_in: int, tokens_out: int) -> int:
        """Return the price of a call in credits."""
        ...

    def worst_case(self, model_id: str, messages: Sequence[ChatMessage], max_tokens: int) -> int:
        """Return the most credits that a call can cost."""
        ...

    async def complete(
        self,
        model_id: str,
        messages: Sequence[ChatMessage],
        *,
        max_tokens: int,
        on_text: Callable[[str], None] | None = None,
        timeout_seconds: float,
    ) -> Completion:
        """Ask a model."""
        ...


class Tools(Protocol):
    """Uses tools."""

    async def use(self, run: Run, wish: Wish, seconds: float) -> Result:
        """Use a tool, within a time."""
        ...


class Work(Protocol):
    """The queues."""

    async def enqueue(self, items: Sequence[NewItem]) -> None:
        """Put items on their queues; those that are there already stay as they are."""
        ...

    async def lease(self, operator_id: int, holder: str, limit: int) -> list[Leased]:
        """Take steps of an operator from its queue, without waiting."""
        ...

    async def complete(self, leased: Leased, result: str) -> None:
        """Take an item off its queue."""
        ...

    async def put_back(self, leased: Leased, error: str, wait: timedelta) -> None:
        """Let an item be leased again after a while."""
        ...

    async def extend(self, leased: Leased, until: datetime) -> Leased:
        """Move the end of a lease to a time."""
        ...

    async def outcome(self, item_id: str) -> Outcome | None:
        """Return how an item stands; None when there is none."""
        ...


class Ledger(Protocol):
    """Money and plans."""

    async def plan(self, operator_id: int) -> Plan:
        """Return the plan of an operator."""
        ...

    async def count(self, run: Run) -> None:
        """Count a run against its plan, once."""
        ...

    async def uncount(self, run: Run) -> None:
        """Take back what a run counted."""
        ...

    async def available(self, operator_id: int) -> int:
        """Return what an operator can spend."""
        ...

    async def hold(self, run: Run, amount: int) -> None:
        """Set the budget of a run aside, once."""
        ...

    async def settle(self, run: Run) -> None:
        """Pay what a run has spent and give the rest back, once."""
        ...


class Agents(Protocol):
    """Registered agents."""

    async def find(self, agent_id: int, operator_id: int) -> RemoteAgent:
        """Return an agent that can be given work."""
        ...


class Threads(Protocol):
    """Conversations."""

    async def begin(self, run: Run) -> int:
        """Let a run begin in its thread; returns the number of the message that asks."""
        ...

    async def finish(self, run: Run) -> None:
        """Put the answer of a run into its thread."""
        ...

    async def cancel(self, run: Run) -> None:
        """Undo what was begun for a run that did not begin."""
        ...

    async def history(self, run: Run) -> Sequence[Turn]:
        """Return what was said in the thread before the run."""
        ...


class Files(Protocol):
    """Files and what they say."""

    async def require(self, operator_id: int, file_ids: Sequence[str]) -> None:
        """Check that files are an operator's."""
        ...

    async def attached(self, operator_id: int, file_ids: Sequence[str]) -> Sequence[str]:
        """Return those of the files that can go with a run now."""
        ...

    async def attach(self, caller: Caller, filename: str, mime_type: str, content: bytes) -> str:
        """Store a file that goes with a run; returns its id."""
        ...

    async def texts(self, operator_id: int, file_ids: Sequence[str]) -> Sequence[tuple[str, str]]:
        """Return the names of files and what they say."""
        ...
