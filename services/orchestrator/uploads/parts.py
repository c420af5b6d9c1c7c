"""The parts of announced uploads and how they hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.orchestrator.uploads.loops import Forgetter
from services.orchestrator.uploads.service import UploadService
from services.orchestrator.uploads.store import UploadStore

if TYPE_CHECKING:
    from kit.target import Resources
    from services.orchestrator.files.store import FileStore


class UploadParts:
    """Builds the announced uploads. `forgetter.run` is a loop for one leader among the replicas.

    Args:
        resources: what the process shares.
        files: where bytes and files are kept.
    """

    def __init__(self, resources: Resources, files: FileStore) -> None:
        self.store = UploadStore(resources.database("orchestrator"))
        self.service = UploadService(self.store, files, resources.clock, resources.settings.storage_quota_bytes)
        self.forgetter = Forgetter(self.store, resources.clock)

    async def prepare(self) -> None:
        """Create the indexes."""
        await self.store.prepare()
