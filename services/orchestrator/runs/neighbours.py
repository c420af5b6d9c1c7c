"""The other features of the orchestrator, as runs need them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from services.orchestrator.models.model import LOCAL
from services.orchestrator.runs.model import Turn

if TYPE_CHECKING:
    from services.orchestrator.models.model import ChatMessage, Completion, ModelSpec
    from services.orchestrator.models.service import ModelService
    from services.orchestrator.runs.model import Run
    from services.orchestrator.threads.service import ThreadService


class ModelNeighbour:
    """Models.

    Args:
        models: the use cases of models.
    """

    def __init__(self, models: ModelService) -> None:
        self._models = models
        self.resolve: Callable[[str], ModelSpec] = models.resolve
        self.price: Callable[[str, int, int], int] = models.price

    def uses_tools(self, model_id: str) -> bool:
        """Tell whether a model is told of tools: one so small that it runs here is only confused by them."""
        return self._models.resolve(model_id).provider != LOCAL

    def worst_case(self, model_id: str, messages: Sequence[ChatMessage], max_tokens: int) -> int:
        """Return the most credits that a call can cost."""
        return self._models.worst_case(model_id, messages, max_tokens)

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
        return await self._models.complete(
            model_id, messages, max_tokens=max_tokens, on_text=on_text, timeout_seconds=timeout_seconds
        )


class ThreadNeighbour:
    """Conversations.

    Args:
        threads: the use cases of threads.
    """

    def __init__(self, threads: ThreadService) -> None:
        self._threads = threads

    async def begin(self, run: Run) -> int:
        """Let a run begin in its thread; returns the number of the message that asks."""
        return await self._threads.begin(run)

    async def finish(self, run: Run) -> None:
        """Put the answer of a run into its thread."""
        await self._threads.finish(run)

    async def cancel(self, run: Run) -> None:
        """Undo what was begun for a run that did not begin."""
        await self._threads.cancel(run)

    async def history(self, run: Run) -> Sequence[Turn]:
        """Return what was said in the thread before the run."""
        said = await self._threads.history(run.operator_id, run.thread_id)
        return [Turn(message.role, message.content) for message in said]
