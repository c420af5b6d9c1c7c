"""The gRPC face of files: unpack, call, pack."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from piecework.orchestrator.v1 import files_pb2 as pb
from piecework.orchestrator.v1 import files_pb2_grpc

from kit.interceptors.caller import current_caller
from services.orchestrator.files.convert import file_to_proto, new_file_from_proto, storage_to_proto
from services.orchestrator.files.errors import UploadBroken
from services.orchestrator.files.service import FileService

Context = Any  # grpc.aio.ServicerContext, which nothing here needs


class FileHandlers(files_pb2_grpc.FileServiceServicer):
    """Serves `piecework.orchestrator.v1.FileService`."""

    def __init__(self, service: FileService) -> None:
        self._service = service

    async def UploadFile(self, requests: AsyncIterator[pb.UploadFileRequest], _: Context) -> pb.UploadFileResponse:
        """Store a file."""
        caller = current_caller()
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("part") != "file":
            raise UploadBroken
        file = await self._service.upload(caller, new_file_from_proto(first.file), _chunks(requests))
        return pb.UploadFileResponse(file=file_to_proto(file))

    async def ListFiles(self, request: pb.ListFilesRequest, _: Context) -> pb.ListFilesResponse:
        """List the caller's files."""
        files, total = await self._service.list(current_caller(), request.limit, request.offset)
        return pb.ListFilesResponse(files=[file_to_proto(file) for file in files], total=total)

    async def GetFile(self, request: pb.GetFileRequest, _: Context) -> pb.GetFileResponse:
        """Read what a file is."""
        file = await self._service.get(current_caller(), request.file_id)
        return pb.GetFileResponse(file=file_to_proto(file))

    async def DownloadFile(self, request: pb.DownloadFileRequest, _: Context) -> AsyncIterator[pb.DownloadFileResponse]:
        """Stream a file."""
        file, parts = await self._service.content(current_caller(), request.file_id)
        async with aclosing(parts):
            yield pb.DownloadFileResponse(file=file_to_proto(file))
            async for part in parts:
                yield pb.DownloadFileResponse(chunk=part)

    async def DeleteFile(self, request: pb.DeleteFileRequest, _: Context) -> pb.DeleteFileResponse:
        """Remove a file."""
        await self._service.delete(current_caller(), request.file_id)
        return pb.DeleteFileResponse()

    async def GetStorage(self, request: pb.GetStorageRequest, _: Context) -> pb.GetStorageResponse:
        """Tell how much the caller's files take."""
        usage = await self._service.storage(current_caller())
        return storage_to_proto(usage, self._service.quota)


async def _chunks(requests: AsyncIterator[pb.UploadFileRequest]) -> AsyncIterator[bytes]:
    async for request in requests:
        if request.WhichOneof("part") != "chunk":
            raise UploadBroken
        if request.chunk:
            yield request.chunk
