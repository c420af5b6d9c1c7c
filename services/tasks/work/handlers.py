"""The gRPC side of the work engine: unpack, call, pack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from piecework.tasks.v1 import work_pb2 as pb
from piecework.tasks.v1 import work_pb2_grpc as rpc

from kit.interceptors.caller import current_caller
from kit.timestamps import from_duration
from services.tasks.work.convert import from_completion, from_failure, from_new_item, to_outcome, write_item
from services.tasks.work.leaser import LeaseDemand
from services.tasks.work.steps import Claim

if TYPE_CHECKING:
    from grpc.aio import ServicerContext

    from services.tasks.work.service import WorkService

    Context = ServicerContext[Any, Any]


class WorkHandlers(rpc.WorkServiceServicer):
    """Serves `piecework.tasks.v1.WorkService`.

    Args:
        service: the use cases.
    """

    def __init__(self, service: WorkService) -> None:
        self._service = service

    async def Enqueue(self, request: pb.EnqueueRequest, context: Context) -> pb.EnqueueResponse:
        """Put items on a queue."""
        new = [from_new_item(item, f"items[{index}]") for index, item in enumerate(request.items)]
        items = await self._service.enqueue(current_caller(), request.queue, request.operator_id, new)
        response = pb.EnqueueResponse()
        for item in items:
            write_item(response.items.add(), item)
        return response

    async def Lease(self, request: pb.LeaseRequest, context: Context) -> pb.LeaseResponse:
        """Lease items."""
        demand = LeaseDemand(request.queue, request.holder, request.max_items)
        wait = from_duration(request.wait).total_seconds()
        items = await self._service.lease(current_caller(), demand, wait)
        response = pb.LeaseResponse()
        for item in items:
            write_item(response.items.add(), item)
        return response

    async def Complete(self, request: pb.CompleteRequest, context: Context) -> pb.CompleteResponse:
        """Accept results."""
        endings = [from_completion(entry, f"completions[{index}]") for index, entry in enumerate(request.completions)]
        outcomes = await self._service.end_many(current_caller(), endings)
        return pb.CompleteResponse(outcomes=[to_outcome(outcome) for outcome in outcomes])

    async def Fail(self, request: pb.FailRequest, context: Context) -> pb.FailResponse:
        """Record failures."""
        outcomes = await self._service.end_many(current_caller(), [from_failure(entry) for entry in request.failures])
        return pb.FailResponse(outcomes=[to_outcome(outcome) for outcome in outcomes])

    async def Extend(self, request: pb.ExtendRequest, context: Context) -> pb.ExtendResponse:
        """Move the end of a lease."""
        claim = Claim(token=request.lease.token)
        extension = from_duration(request.extension)
        item = await self._service.extend(current_caller(), request.lease.item_id, claim, extension)
        response = pb.ExtendResponse()
        write_item(response.item, item)
        return response

    async def GetItem(self, request: pb.GetItemRequest, context: Context) -> pb.GetItemResponse:
        """Read one item."""
        response = pb.GetItemResponse()
        write_item(response.item, await self._service.get(current_caller(), request.item_id))
        return response
