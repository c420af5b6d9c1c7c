"""The gRPC face of models: unpack, call, pack."""

from __future__ import annotations

from typing import Any

from piecework.orchestrator.v1 import models_pb2 as pb
from piecework.orchestrator.v1 import models_pb2_grpc

from kit.interceptors.caller import current_caller
from services.orchestrator.models import convert
from services.orchestrator.models.service import ModelService

Context = Any  # grpc.aio.ServicerContext, which nothing here needs


class ModelHandlers(models_pb2_grpc.ModelServiceServicer):
    """Serves `piecework.orchestrator.v1.ModelService`."""

    def __init__(self, service: ModelService) -> None:
        self._service = service

    async def ListModels(self, request: pb.ListModelsRequest, _: Context) -> pb.ListModelsResponse:
        """List the models."""
        listing = self._service.listing()
        return pb.ListModelsResponse(
            models=[convert.model_to_proto(spec) for spec in listing.models.values()],
            default_model_id=listing.default_id,
        )

    async def Generate(self, request: pb.GenerateRequest, _: Context) -> pb.GenerateResponse:
        """Answer a prompt."""
        completion = await self._service.generate(
            current_caller(), request.model_id, request.system, request.prompt, request.max_tokens
        )
        return convert.completion_to_proto(completion)
