"""The gRPC face of operators, agents and keys: unpack, call, pack."""

from __future__ import annotations

from typing import Any

from piecework.agents.v1 import identity_pb2 as pb
from piecework.agents.v1 import identity_pb2_grpc

from kit.interceptors.caller import current_caller
from services.agents.identity import convert
from services.agents.identity.service import IdentityService
from services.agents.secret import Secret

Context = Any  # grpc.aio.ServicerContext, which nothing here needs


class IdentityHandlers(identity_pb2_grpc.IdentityServiceServicer):
    """Serves `piecework.agents.v1.IdentityService`."""

    def __init__(self, service: IdentityService) -> None:
        self._service = service

    async def Authenticate(self, request: pb.AuthenticateRequest, _: Context) -> pb.AuthenticateResponse:
        """Tell whom a secret speaks for."""
        return convert.identity_to_proto(await self._service.authenticate(current_caller(), Secret(request.secret)))

    async def CreateOperator(self, request: pb.CreateOperatorRequest, _: Context) -> pb.CreateOperatorResponse:
        """Make an operator."""
        operator = await self._service.create_operator(current_caller(), request.name)
        return pb.CreateOperatorResponse(operator=convert.operator_to_proto(operator))

    async def ListOperators(self, request: pb.ListOperatorsRequest, _: Context) -> pb.ListOperatorsResponse:
        """List operators."""
        operators = await self._service.list_operators(current_caller())
        return pb.ListOperatorsResponse(operators=[convert.operator_to_proto(each) for each in operators])

    async def CreateOperatorKey(self, request: pb.CreateOperatorKeyRequest, _: Context) -> pb.CreateOperatorKeyResponse:
        """Make a key of an operator."""
        key, secret = await self._service.create_key(
            current_caller(), request.operator_id, request.scopes, test=request.test
        )
        return pb.CreateOperatorKeyResponse(key=convert.key_to_proto(key), secret=secret.reveal())

    async def ListOperatorKeys(self, request: pb.ListOperatorKeysRequest, _: Context) -> pb.ListOperatorKeysResponse:
        """List the keys of an operator."""
        keys = await self._service.list_keys(current_caller(), request.operator_id)
        return pb.ListOperatorKeysResponse(keys=[convert.key_to_proto(each) for each in keys])

    async def RevokeOperatorKey(self, request: pb.RevokeOperatorKeyRequest, _: Context) -> pb.RevokeOperatorKeyResponse:
        """End a key."""
        key = await self._service.revoke_key(current_caller(), request.key_id.lower())
        return pb.RevokeOperatorKeyResponse(key=convert.key_to_proto(key))

    async def CreateAgent(self, request: pb.CreateAgentRequest, _: Context) -> pb.CreateAgentResponse:
        """Make an agent with its first key."""
        agent, secret = await self._service.create_agent(current_caller(), request.operator_id, request.name)
        return pb.CreateAgentResponse(agent=convert.agent_to_proto(agent), secret=secret.reveal())

    async def ListAgents(self, request: pb.ListAgentsRequest, _: Context) -> pb.ListAgentsResponse:
        """List the agents of an operator."""
        agents = await self._service.list_agents(current_caller(), request.operator_id)
        return pb.ListAgentsResponse(agents=[convert.agent_to_proto(each) for each in agents])

    async def RotateAgentKey(self, request: pb.RotateAgentKeyRequest, _: Context) -> pb.RotateAgentKeyResponse:
        """Make a new key for an agent and end the old one."""
        secret = await self._service.rotate_agent_key(current_caller(), request.agent_id)
        return pb.RotateAgentKeyResponse(secret=secret.reveal())
