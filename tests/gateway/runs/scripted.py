"""An orchestrator that says what a test wants, behind real gRPC: for what a real one does only when it breaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc.aio
from piecework.agents.v1 import identity_pb2_grpc
from piecework.billing.v1 import plans_pb2, plans_pb2_grpc
from piecework.orchestrator.v1 import (
    files_pb2,
    files_pb2_grpc,
    runs_pb2,
    runs_pb2_grpc,
    uploads_pb2,
    uploads_pb2_grpc,
)

from kit.host import GrpcHost, Registration
from kit.interceptors.errors import ErrorsInterceptor
from kit.refusal import REFUSED
from tests.gateway.scripted_peers import ScriptedIdentities

RUN = "task_019a0000-0000-7000-8000-000000000001"


class ScriptedRuns(runs_pb2_grpc.RunServiceServicer):
    """Knows one run, and streams the events that the test adds."""

    def __init__(self) -> None:
        self.run = runs_pb2.Run(id=RUN, operator_id=1, prompt="p", status=runs_pb2.RUN_STATUS_PROCESSING)
        self.started: list[runs_pb2.StartRunRequest] = []
        self.refusal: Exception | None = None
        self.events: list[runs_pb2.WatchRunResponse] = []
        self.asked: list[int | None] = []
        self.cut_after: int | None = None
        self.ahead: int | None = None
        self.more = asyncio.Condition()

    async def tell(self, *events: runs_pb2.WatchRunResponse) -> None:
        async with self.more:
            self.events += events
            self.more.notify_all()

    async def StartRun(self, request: Any, context: Any) -> runs_pb2.StartRunResponse:  # noqa: ARG002, N802
        if self.refusal is not None:
            raise self.refusal
        self.started.append(request)
        return runs_pb2.StartRunResponse(run=self.run)

    async def GetRun(self, request: Any, context: Any) -> runs_pb2.GetRunResponse:  # noqa: N802
        if request.run_id != RUN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no")
        return runs_pb2.GetRunResponse(run=self.run)

    async def WatchRun(  # noqa: N802
        self,
        request: Any,
        context: Any,
    ) -> AsyncIterator[runs_pb2.WatchRunResponse]:
        after = request.after_seq if request.HasField("after_seq") else 0
        self.asked.append(after)
        yield runs_pb2.WatchRunResponse(type="position", seq=len(self.events), run=self.run)
        if self.ahead is not None:
            yield runs_pb2.WatchRunResponse(type="run.message", seq=self.ahead)
            after = self.ahead
        sent = 0
        while True:
            async with self.more:
                while len(self.events) <= sent:
                    await self.more.wait()
            event = self.events[sent]
            sent += 1
            if event.seq and event.seq <= after:
                continue
            if self.cut_after is not None and event.seq > self.cut_after:
                self.cut_after = None
                await context.abort(grpc.StatusCode.UNAVAILABLE, "cut")
            yield event
            if event.type in ("run.completed", "run.failed", "run.canceled"):
                return


class ScriptedPlans(plans_pb2_grpc.PlanServiceServicer):
    """Tells of the windows that a test sets."""

    def __init__(self) -> None:
        self.usage: list[plans_pb2.QuotaUsage] = []
        self.questions = 0

    async def ReadUsage(self, request: Any, context: Any) -> plans_pb2.ReadUsageResponse:  # noqa: ARG002, N802
        self.questions += 1
        return plans_pb2.ReadUsageResponse(usage=self.usage)


class ScriptedFiles(files_pb2_grpc.FileServiceServicer):
    """Remembers what is uploaded, and sends what a test wants."""

    def __init__(self) -> None:
        self.uploads: list[tuple[files_pb2.NewFile, list[int]]] = []
        self.stored = files_pb2.File(id="file-1", purpose="attachment")
        self.download: Callable[[Any], AsyncIterator[files_pb2.DownloadFileResponse]] | None = None

    async def UploadFile(self, request_iterator: Any, context: Any) -> files_pb2.UploadFileResponse:  # noqa: ARG002, N802
        about, chunks = files_pb2.NewFile(), []
        async for part in request_iterator:
            if part.WhichOneof("part") == "file":
                about = part.file
            else:
                chunks.append(len(part.chunk))
        self.uploads.append((about, chunks))
        file = files_pb2.File(id="file-1", filename=about.filename, purpose=about.purpose, size_bytes=sum(chunks))
        return files_pb2.UploadFileResponse(file=file)

    async def GetFile(self, request: Any, context: Any) -> files_pb2.GetFileResponse:  # noqa: ARG002, N802
        return files_pb2.GetFileResponse(file=self.stored)

    async def DownloadFile(self, request: Any, context: Any) -> AsyncIterator[files_pb2.DownloadFileResponse]:  # noqa: ARG002, N802
        assert self.download is not None
        async for part in self.download(context):
            yield part


class ScriptedUploads(uploads_pb2_grpc.UploadServiceServicer):
    """Takes the bytes of announced files, or refuses them before they have come."""

    def __init__(self) -> None:
        self.refusal: Exception | None = None
        self.tokens: list[uploads_pb2.UploadToken] = []
        self.chunks: list[int] = []

    async def SendUpload(self, request_iterator: Any, context: Any) -> uploads_pb2.SendUploadResponse:  # noqa: N802
        self.tokens.append((await anext(aiter(request_iterator))).upload)
        await context.send_initial_metadata(((REFUSED, "1"),) if self.refusal is not None else ())
        if self.refusal is not None:
            async for _ in request_iterator:
                pass
            raise self.refusal
        async for part in request_iterator:
            self.chunks.append(len(part.chunk))
        return uploads_pb2.SendUploadResponse(pathname="file-1/a.txt", size_bytes=sum(self.chunks))


class ScriptedOrchestrator:
    """All of them on one real port."""

    def __init__(self) -> None:
        self.runs, self.plans, self.files = ScriptedRuns(), ScriptedPlans(), ScriptedFiles()
        self.uploads = ScriptedUploads()
        self.port = 0
        self._host: GrpcHost | None = None

    async def start(self) -> None:
        identities = ScriptedIdentities()
        registrations = [
            Registration(lambda server: runs_pb2_grpc.add_RunServiceServicer_to_server(self.runs, server), []),
            Registration(lambda server: plans_pb2_grpc.add_PlanServiceServicer_to_server(self.plans, server), []),
            Registration(lambda server: uploads_pb2_grpc.add_UploadServiceServicer_to_server(self.uploads, server), []),
            Registration(lambda server: files_pb2_grpc.add_FileServiceServicer_to_server(self.files, server), []),
            Registration(
                lambda server: identity_pb2_grpc.add_IdentityServiceServicer_to_server(identities, server), []
            ),
        ]
        self._host = GrpcHost(registrations, f"127.0.0.1:{self.port}", [ErrorsInterceptor()], drain_seconds=0)
        await self._host.start()
        self.port = self._host.port

    async def stop(self) -> None:
        if self._host is not None:
            await self._host.drain()
            self._host = None
