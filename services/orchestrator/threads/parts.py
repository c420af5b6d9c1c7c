"""The parts of threads and how they hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.orchestrator.numbers import Numbers
from services.orchestrator.threads.service import ThreadService
from services.orchestrator.threads.store import ThreadStore

if TYPE_CHECKING:
    from kit.target import Resources

# Methods of ThreadService that take an idempotency key.
IDEMPOTENT = ("CreateThread",)


class ThreadParts:
    """Builds the threads.

    Args:
        resources: what the process shares.
    """

    def __init__(self, resources: Resources) -> None:
        database = resources.database("orchestrator")
        self.store = ThreadStore(database, Numbers(database))
        self.service = ThreadService(self.store, resources.clock)

    async def prepare(self) -> None:
        """Create the indexes."""
        await self.store.prepare()
