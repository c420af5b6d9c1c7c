"""Builds the service `orchestrator` from its parts."""

from __future__ import annotations

from typing import Any

from piecework.orchestrator.v1 import (
    files_pb2_grpc,
    models_pb2_grpc,
    runs_pb2_grpc,
    threads_pb2_grpc,
    uploads_pb2_grpc,
)

from kit.background import Background
from kit.events.relay import EventRelay
from kit.host import Registration
from kit.ids import new_id
from kit.leadership import Leadership
from kit.target import Resources, Target
from services.orchestrator.files.handlers import FileHandlers
from services.orchestrator.files.parts import FileParts
from services.orchestrator.models.handlers import ModelHandlers
from services.orchestrator.models.parts import ModelParts
from services.orchestrator.runs.handlers import RunHandlers
from services.orchestrator.runs.neighbours import ModelNeighbour, ThreadNeighbour
from services.orchestrator.runs.parts import IDEMPOTENT as RUNS_IDEMPOTENT
from services.orchestrator.runs.parts import RunParts
from services.orchestrator.runs.store.deltas import COLLECTION as DELTAS
from services.orchestrator.runs.store.runs import COLLECTION as RUNS
from services.orchestrator.threads.handlers import ThreadHandlers
from services.orchestrator.threads.parts import IDEMPOTENT as THREADS_IDEMPOTENT
from services.orchestrator.threads.parts import ThreadParts
from services.orchestrator.uploads.handlers import UploadHandlers
from services.orchestrator.uploads.parts import UploadParts

_PACKAGE = "piecework.orchestrator.v1"
_SERVICES = ("RunService", "ModelService", "ThreadService", "FileService", "UploadService")
_IDEMPOTENT = frozenset(
    [f"/{_PACKAGE}.RunService/{method}" for method in RUNS_IDEMPOTENT]
    + [f"/{_PACKAGE}.ThreadService/{method}" for method in THREADS_IDEMPOTENT]
)


class OrchestratorApp:
    """The parts of the service and how they hang together.

    Args:
        resources: what the process shares.
    """

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self.models = ModelParts(resources)
        self.threads = ThreadParts(resources)
        self.files = FileParts(resources)
        self.uploads = UploadParts(resources, self.files.store)
        self.runs = RunParts(
            resources,
            ModelNeighbour(self.models.service),
            ThreadNeighbour(self.threads.service),
            self.files.service,
        )
        leadership = self._leadership("relay")
        database, tail = resources.database("orchestrator"), self.runs.tail
        self.relay = EventRelay(database, [RUNS, DELTAS], leadership, resources.clock, tail=tail)
        self._background, self._working = Background(), Background()

    def register(self, server: Any) -> None:
        """Add the servicers to a server."""
        runs = RunHandlers(self.runs.starting, self.runs.runs, self.runs.watch)
        runs_pb2_grpc.add_RunServiceServicer_to_server(runs, server)
        models_pb2_grpc.add_ModelServiceServicer_to_server(ModelHandlers(self.models.service), server)
        threads_pb2_grpc.add_ThreadServiceServicer_to_server(ThreadHandlers(self.threads.service), server)
        files_pb2_grpc.add_FileServiceServicer_to_server(FileHandlers(self.files.service), server)
        uploads_pb2_grpc.add_UploadServiceServicer_to_server(UploadHandlers(self.uploads.service), server)

    async def start(self) -> None:
        """Prepare the indexes and start the loops."""
        await self.models.prepare()
        await self.threads.prepare()
        await self.files.prepare()
        await self.uploads.prepare()
        await self.runs.prepare()
        await self.relay.prepare()  # before the first write: history begins here
        caring, sweeping, forgetting = (self._leadership(name) for name in ("runs", "files", "uploads"))
        self._background.start("orchestrator: relay", self.relay.run)
        self._background.start("orchestrator: caretaker", lambda: caring.run(self.runs.caretaker.run))
        self._background.start("orchestrator: files", lambda: sweeping.run(self.files.sweeper.run))
        self._background.start("orchestrator: uploads", lambda: forgetting.run(self.uploads.forgetter.run))
        self._working.start("orchestrator: worker", lambda: self.runs.worker.run())

    async def lay_down(self) -> None:
        """Take no more steps, and give those under way back to their queues."""
        await self._working.close()

    async def stop(self) -> None:
        """End the loops."""
        await self.lay_down()
        await self._background.close()
        await self.runs.close()
        await self.models.close()

    def _leadership(self, name: str) -> Leadership:
        resources = self._resources
        holder = resources.settings.replica or new_id()
        return Leadership(resources.database("orchestrator"), name, holder, resources.clock)


def build(resources: Resources) -> Target:
    """Return the service, ready to be hosted."""
    app = OrchestratorApp(resources)
    names = ["piecework.orchestrator", *(f"{_PACKAGE}.{service}" for service in _SERVICES)]
    return Target(
        name="orchestrator",
        registrations=[Registration(app.register, names, app.runs.tail.end)],
        idempotent_methods=_IDEMPOTENT,
        start=app.start,
        stop=app.stop,
        lay_down=app.lay_down,
    )
