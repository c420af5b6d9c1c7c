"""The gRPC face of threads: unpack, call, pack."""

from __future__ import annotations

from typing import Any

from piecework.orchestrator.v1 import threads_pb2 as pb
from piecework.orchestrator.v1 import threads_pb2_grpc

from kit.idempotency_key import current_idempotency_key
from kit.interceptors.caller import current_caller
from services.orchestrator.threads.convert import message_to_proto, thread_to_proto
from services.orchestrator.threads.service import ThreadService

Context = Any  # grpc.aio.ServicerContext, which nothing here needs


class ThreadHandlers(threads_pb2_grpc.ThreadServiceServicer):
    """Serves `piecework.orchestrator.v1.ThreadService`."""

    def __init__(self, service: ThreadService) -> None:
        self._service = service

    async def CreateThread(self, request: pb.CreateThreadRequest, _: Context) -> pb.CreateThreadResponse:
        """Make a thread."""
        messages = [(message.role, message.content) for message in request.messages]
        thread = await self._service.create(
            current_caller(), request.title, messages, request.metadata_json, current_idempotency_key()
        )
        return pb.CreateThreadResponse(thread=thread_to_proto(thread))

    async def ListThreads(self, request: pb.ListThreadsRequest, _: Context) -> pb.ListThreadsResponse:
        """List the caller's threads."""
        threads, total = await self._service.list(current_caller(), request.limit, request.offset)
        return pb.ListThreadsResponse(threads=[thread_to_proto(thread) for thread in threads], total=total)

    async def GetThread(self, request: pb.GetThreadRequest, _: Context) -> pb.GetThreadResponse:
        """Read a thread."""
        thread = await self._service.get(current_caller(), request.thread_id)
        return pb.GetThreadResponse(thread=thread_to_proto(thread))

    async def DeleteThread(self, request: pb.DeleteThreadRequest, _: Context) -> pb.DeleteThreadResponse:
        """Remove a thread."""
        await self._service.delete(current_caller(), request.thread_id)
        return pb.DeleteThreadResponse()

    async def ListMessages(self, request: pb.ListMessagesRequest, _: Context) -> pb.ListMessagesResponse:
        """List what was said in a thread."""
        messages, total = await self._service.messages(
            current_caller(), request.thread_id, request.limit, request.offset
        )
        return pb.ListMessagesResponse(messages=[message_to_proto(message) for message in messages], total=total)
