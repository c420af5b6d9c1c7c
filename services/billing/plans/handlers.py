"""The gRPC face of plans: unpack, call, pack."""

from __future__ import annotations

from typing import Any

from piecework.billing.v1 import plans_pb2 as pb
from piecework.billing.v1 import plans_pb2_grpc

from kit.interceptors.caller import current_caller
from services.billing.plans import convert
from services.billing.plans.quotas import Return
from services.billing.plans.service import PlanService

Context = Any  # grpc.aio.ServicerContext, which nothing here needs


class PlanHandlers(plans_pb2_grpc.PlanServiceServicer):
    """Serves `piecework.billing.v1.PlanService`."""

    def __init__(self, service: PlanService) -> None:
        self._service = service

    async def ListPlans(self, request: pb.ListPlansRequest, _: Context) -> pb.ListPlansResponse:
        """List the plans."""
        plans = await self._service.plans(current_caller())
        return pb.ListPlansResponse(plans=[convert.plan_to_proto(plan) for plan in plans])

    async def GetPlan(self, request: pb.GetPlanRequest, _: Context) -> pb.GetPlanResponse:
        """Read the plan of an operator."""
        plan = await self._service.plan(current_caller(), request.operator_id)
        return pb.GetPlanResponse(plan=convert.plan_to_proto(plan))

    async def SetPlan(self, request: pb.SetPlanRequest, _: Context) -> pb.SetPlanResponse:
        """Give an operator a plan."""
        plan = await self._service.set_plan(current_caller(), convert.from_set_plan(request))
        return pb.SetPlanResponse(plan=convert.plan_to_proto(plan))

    async def ConsumeQuota(self, request: pb.ConsumeQuotaRequest, _: Context) -> pb.ConsumeQuotaResponse:
        """Count runs."""
        usage = await self._service.consume(current_caller(), convert.from_consume(request))
        return pb.ConsumeQuotaResponse(usage=convert.usage_to_proto(usage.limited))

    async def ReturnQuota(self, request: pb.ReturnQuotaRequest, _: Context) -> pb.ReturnQuotaResponse:
        """Take back what was counted."""
        return pb.ReturnQuotaResponse(returned=await self._service.give_back(current_caller(), Return(request.id)))

    async def ReadUsage(self, request: pb.ReadUsageRequest, _: Context) -> pb.ReadUsageResponse:
        """Read what is used."""
        usage, history = await self._service.usage(current_caller(), request.operator_id)
        return pb.ReadUsageResponse(
            usage=convert.usage_to_proto(usage.limited),
            counted=convert.usage_to_proto(usage.counted),
            total_runs=history.total,
            days=convert.days_to_proto(history.days),
        )
