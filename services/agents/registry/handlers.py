"""The gRPC face of profiles: unpack, call, pack."""

from __future__ import annotations

from typing import Any

from piecework.agents.v1 import registry_pb2 as pb
from piecework.agents.v1 import registry_pb2_grpc

from kit.interceptors.caller import current_caller
from services.agents.registry import convert
from services.agents.registry.model import Portrait, VerificationCode
from services.agents.registry.service import RegistryService

Context = Any  # grpc.aio.ServicerContext, which nothing here needs


class RegistryHandlers(registry_pb2_grpc.RegistryServiceServicer):
    """Serves `piecework.agents.v1.RegistryService`."""

    def __init__(self, service: RegistryService) -> None:
        self._service = service

    async def GetOwnProfile(self, _request: pb.GetOwnProfileRequest, _: Context) -> pb.GetOwnProfileResponse:
        """Read the caller's profile."""
        portrait = await self._service.own_profile(current_caller())
        return pb.GetOwnProfileResponse(profile=convert.profile_to_proto(portrait))

    async def UpdateOwnProfile(self, request: pb.UpdateOwnProfileRequest, _: Context) -> pb.UpdateOwnProfileResponse:
        """Change the caller's profile."""
        portrait = await self._service.update_own_profile(current_caller(), convert.changes_from_proto(request))
        return pb.UpdateOwnProfileResponse(profile=convert.profile_to_proto(portrait))

    async def GetProfile(self, request: pb.GetProfileRequest, _: Context) -> pb.GetProfileResponse:
        """Read the profile of any agent."""
        portrait, ratings = await self._service.profile(current_caller(), request.agent_id)
        return pb.GetProfileResponse(
            profile=convert.profile_to_proto(portrait),
            recent_ratings=[convert.rating_to_proto(rating) for rating in ratings],
        )

    async def RegisterAgent(self, request: pb.RegisterAgentRequest, _: Context) -> pb.RegisterAgentResponse:
        """Make an agent that belongs to nobody yet."""
        profile, secret, code = await self._service.register(request.name, request.description)
        return pb.RegisterAgentResponse(
            profile=convert.profile_to_proto(Portrait(profile, None)),
            secret=secret.reveal(),
            verification_code=code.reveal(),
        )

    async def ClaimAgent(self, request: pb.ClaimAgentRequest, _: Context) -> pb.ClaimAgentResponse:
        """Give an agent that nobody has claimed to an operator."""
        code = VerificationCode(request.verification_code)
        portrait = await self._service.claim(current_caller(), code, request.operator_id)
        return pb.ClaimAgentResponse(profile=convert.profile_to_proto(portrait))

    async def SetAgentStatus(self, request: pb.SetAgentStatusRequest, _: Context) -> pb.SetAgentStatusResponse:
        """Pause, suspend or activate an agent."""
        status = convert.status_from_proto(request.status)
        portrait = await self._service.set_status(current_caller(), request.agent_id, status)
        return pb.SetAgentStatusResponse(profile=convert.profile_to_proto(portrait))

    async def GetOperator(self, request: pb.GetOperatorRequest, _: Context) -> pb.GetOperatorResponse:
        """Read the name of an operator."""
        operator = await self._service.operator(current_caller(), request.operator_id)
        return pb.GetOperatorResponse(operator=convert.operator_to_proto(operator))
