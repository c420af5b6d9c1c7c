"""The gRPC face of announced uploads: unpack, call, pack."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from piecework.orchestrator.v1 import uploads_pb2 as pb
from piecework.orchestrator.v1 import uploads_pb2_grpc

from kit.errors import DomainError
from kit.interceptors.caller import current_caller
from kit.refusal import REFUSED
from services.orchestrator.files.convert import file_to_proto, new_file_from_proto
from services.orchestrator.uploads.convert import created_to_proto, sent_to_proto
from services.orchestrator.uploads.errors import UploadBroken
from services.orchestrator.uploads.service import UploadService

Context = Any  # grpc.aio.ServicerContext
# So long may a sender that does not listen go on, before it may miss why it was refused.
_PATIENCE_SECONDS = 1.0


class UploadHandlers(uploads_pb2_grpc.UploadServiceServicer):
    """Serves `piecework.orchestrator.v1.UploadService`."""

    def __init__(self, service: UploadService) -> None:
        self._service = service

    async def CreateUpload(self, request: pb.CreateUploadRequest, _: Context) -> pb.CreateUploadResponse:
        """Announce a file."""
        new = new_file_from_proto(request.file)
        return created_to_proto(*await self._service.create(current_caller(), new, request.size_bytes))

    async def SendUpload(
        self, requests: AsyncIterator[pb.SendUploadRequest], context: Context
    ) -> pb.SendUploadResponse:
        """Take the bytes of an announced file."""
        first = await anext(aiter(requests), None)
        if first is None or first.WhichOneof("part") != "upload":
            raise UploadBroken
        bytes_wanted = _Wanted(context)
        chunks = _chunks(requests, bytes_wanted)
        try:
            return sent_to_proto(await self._service.send(first.upload.file_id, first.upload.token, chunks))
        except DomainError:
            await bytes_wanted.tell(wanted=False)
            await _until_sent(requests)
            raise

    async def CompleteUpload(self, request: pb.CompleteUploadRequest, _: Context) -> pb.CompleteUploadResponse:
        """Make a file of what was sent."""
        file = await self._service.complete(current_caller(), request.file_id, request.pathname)
        return pb.CompleteUploadResponse(file=file_to_proto(file))


class _Wanted:
    """Tells once, by the headers, whether the bytes are wanted; whoever sends them waits for it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._told = False

    async def tell(self, *, wanted: bool) -> None:
        """Send the headers, unless they are sent."""
        if not self._told:
            self._told = True
            await self._context.send_initial_metadata(() if wanted else ((REFUSED, "1"),))


async def _chunks(requests: AsyncIterator[pb.SendUploadRequest], bytes_wanted: _Wanted) -> AsyncIterator[bytes]:
    await bytes_wanted.tell(wanted=True)
    async for request in requests:
        if request.WhichOneof("part") != "chunk":
            raise UploadBroken
        if request.chunk:
            yield request.chunk


async def _until_sent(requests: AsyncIterator[pb.SendUploadRequest]) -> None:
    """Let whoever sends come to an end, see `kit.refusal`."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_PATIENCE_SECONDS):
            async for _ in requests:
                pass
