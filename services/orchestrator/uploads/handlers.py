"""The gRPC face of announced uploads: unpack, call, pack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from piecework.orchestrator.v1 import uploads_pb2 as pb
from piecework.orchestrator.v1 import uploads_pb2_grpc

from kit.interceptors.caller import current_caller
from services.orchestrator.files.convert import file_to_proto, new_file_from_proto
from services.orchestrator.uploads.convert import created_to_proto, sent_to_proto
from services.orchestrator.uploads.errors import UploadBroken
from services.orchestrator.uploads.service import UploadService

Context = Any  # grpc.aio.ServicerContext, which nothing here needs


class UploadHandlers(uploads_pb2_grpc.UploadServiceServicer):
    """Serves `piecework.orchestrator.v1.UploadService`."""

    def __init__(self, service: UploadService) -> None:
        self._service = service

    async def CreateUpload(self, request: pb.CreateUploadRequest, _: Context) -> pb.CreateUploadResponse:
        """Announce a file."""
        new = new_file_from_proto(request.file)
        return created_to_proto(*await self._service.create(current_caller(), new, request.size_bytes))

    async def SendUpload(self, requests: AsyncIterator[pb.SendUploadRequest], _: Context) -> pb.SendUploadResponse:
        """Take the bytes of an announced file."""
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("part") != "upload":
            raise UploadBroken
        sent = await self._service.send(first.upload.file_id, first.upload.token, _chunks(requests))
        return sent_to_proto(sent)

    async def CompleteUpload(self, request: pb.CompleteUploadRequest, _: Context) -> pb.CompleteUploadResponse:
        """Make a file of what was sent."""
        file = await self._service.complete(current_caller(), request.file_id, request.pathname)
        return pb.CompleteUploadResponse(file=file_to_proto(file))


async def _chunks(requests: AsyncIterator[pb.SendUploadRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.WhichOneof("part") != "chunk":
            raise UploadBroken
        if request.chunk:
            yield request.chunk
