"""Money of calls: what a call may cost is set aside in the write that lets it begin, see `budget`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from services.orchestrator.models.model import ChatMessage, Completion
from services.orchestrator.models.tokens import estimate_input, estimate_tokens
from services.orchestrator.runs.budget import allowance, last_resort, may_fit, reserve
from services.orchestrator.runs.errors import budget_spent
from services.orchestrator.runs.model import Run, RunEvent, Step
from services.orchestrator.runs.progress import Hold, Usage, held

if TYPE_CHECKING:
    from services.orchestrator.runs.service.access import RunAccess
    from services.orchestrator.runs.service.ports import Models

MAX_TOKENS = 2048
_LEAST_TOKENS = 64


class TooLate(Exception):
    """The step is somebody else's by now, or not needed any more."""


class NoRoomYet(Exception):
    """Other calls of the run have set aside what this one needs, and will give some of it back."""


class Spending:
    """Reserves and settles.

    Args:
        access: changes runs.
        models: knows prices.
    """

    def __init__(self, access: RunAccess, models: Models) -> None:
        self._access = access
        self._models = models

    def most_input(self, model_id: str) -> int:
        """Return how many tokens a model can be told."""
        context = self._models.resolve(model_id).context_length
        return max(context // 2, context - MAX_TOKENS - 256)

    async def open(self, run: Run, hold: Hold, step: Step, messages: Sequence[ChatMessage]) -> int:
        """Set aside what a call can cost; returns how many tokens its answer may have.

        Raises:
            Exhausted: BUDGET_SPENT, the budget has no room even for a short answer.
            NoRoomYet: the budget has room when other calls have ended.
            TooLate: the worker does not have the step any more.
        """
        most = min(MAX_TOKENS, max(_LEAST_TOKENS, self._models.resolve(step.model_id).context_length // 2))
        if run.mock or not self._models.worst_case(step.model_id, messages, most):
            return most
        chosen = 0

        def decide(current: Run) -> tuple[Run, RunEvent | None] | None:
            nonlocal chosen
            mine = held(current, hold)
            if mine is None:
                return None
            chosen, amount = self._fit(current, mine, messages, most)
            return reserve(current, mine, amount), None

        if await self._access.change(run.id, decide) is None:
            raise TooLate
        return chosen

    def used(self, run: Run, model_id: str, completion: Completion) -> Usage:
        """Return what a call took."""
        tokens_in, tokens_out = completion.tokens_in, completion.tokens_out
        cost = 0 if run.mock else self._models.price(model_id, tokens_in, tokens_out)
        return Usage(cost, tokens_in, tokens_out)

    def interrupted(self, run: Run, model_id: str, messages: Sequence[ChatMessage], text: str) -> Usage:
        """Return about what a call took that did not end, by what had come of it; nothing when nothing had."""
        if not text:
            return Usage()
        tokens_in, tokens_out = estimate_input([each.content for each in messages]), estimate_tokens(text)
        cost = 0 if run.mock else self._models.price(model_id, tokens_in, tokens_out)
        return Usage(cost, tokens_in, tokens_out)

    def _fit(self, run: Run, step: Step, messages: Sequence[ChatMessage], most: int) -> tuple[int, int]:
        """Return how long an answer may be, and what it costs at the most."""
        share = allowance(run, step)
        tokens = most
        while True:
            amount = self._models.worst_case(step.model_id, messages, tokens)
            if amount <= share:
                return tokens, amount
            if tokens == _LEAST_TOKENS:
                break
            tokens = max(_LEAST_TOKENS, tokens // 2)
        if amount <= last_resort(run, step):
            return tokens, amount
        if may_fit(run, step, amount):
            raise NoRoomYet
        raise budget_spent(run.limit)
