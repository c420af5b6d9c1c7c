"""The parts of files and how they hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.orchestrator.files.loops import Sweeper
from services.orchestrator.files.reading import TextReader
from services.orchestrator.files.service import FileService
from services.orchestrator.files.store import FileStore

if TYPE_CHECKING:
    from kit.target import Resources


class FileParts:
    """Builds the files. `sweeper.run` is a loop for one leader among the replicas.

    Args:
        resources: what the process shares.
    """

    def __init__(self, resources: Resources) -> None:
        self.store = FileStore(resources.database("orchestrator"), resources.clock)
        self.reader = TextReader(self.store)
        self.service = FileService(self.store, self.reader, resources.clock, resources.settings.storage_quota_bytes)
        self.sweeper = Sweeper(self.store, resources.clock)

    async def prepare(self) -> None:
        """Create the indexes."""
        await self.store.prepare()
