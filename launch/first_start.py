"""Makes the operators, agents and the project that a new platform begins with, once, however often it is interrupted.

Each step looks first whether it has been done. A key whose secret was lost, because the process was killed before the
secret was written down, is revoked and replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc.aio
from piecework.agents.v1 import identity_pb2 as identity
from piecework.agents.v1.identity_pb2_grpc import IdentityServiceStub
from piecework.billing.v1 import plans_pb2 as plans
from piecework.billing.v1.plans_pb2_grpc import PlanServiceStub
from piecework.tasks.v1 import queue_pb2 as queue
from piecework.tasks.v1.queue_pb2_grpc import QueueServiceStub

from kit.caller import OPERATOR_SCOPES, Caller, service_caller
from kit.channels import Channels, Outgoing
from launch import places
from launch.credentials import AgentCredentials, Credentials, Draft, OperatorCredentials, ProjectReference
from launch.places import DataDirectory

if TYPE_CHECKING:
    from piecework.agents.v1.identity_pb2_grpc import IdentityServiceAsyncStub
    from piecework.billing.v1.plans_pb2_grpc import PlanServiceAsyncStub
    from piecework.tasks.v1.queue_pb2_grpc import QueueServiceAsyncStub

OPERATORS = ("poster", "worker")
PROJECT = "demo"
_DESCRIPTION = "A first project to try things with"
_SELF = service_caller("launch")
_PAGE = 100


class FirstStart:
    """Brings a platform to where it can be used.

    Args:
        channels: the way to its services.
        outgoing: signs calls.
        directory: where the credentials are kept.
    """

    def __init__(self, channels: Channels, outgoing: Outgoing, directory: DataDirectory) -> None:
        self._identities: IdentityServiceAsyncStub = IdentityServiceStub(channels.get("agents"))
        self._queue: QueueServiceAsyncStub = QueueServiceStub(channels.get("tasks"))
        self._plans: PlanServiceAsyncStub = PlanServiceStub(channels.get("billing"))
        self._outgoing = outgoing
        self._directory = directory

    async def complete(self, gateway: str) -> Credentials:
        """Make what is missing, write `credentials.json` with this address, and return its content."""
        known = await self._finished()
        if known is None:
            known = await self._make(gateway)
        credentials = Credentials(gateway, known.operators, known.project)
        places.write(self._directory.credentials, credentials)
        self._directory.first_start.unlink(missing_ok=True)
        return credentials

    async def _finished(self) -> Credentials | None:
        """Return what an earlier start has written, if this database is the one that it speaks of."""
        known = places.read(self._directory.credentials, Credentials)
        if known is None:
            return None
        ids = await self._operator_ids()
        return known if all(ids.get(operator.name) == operator.id for operator in known.operators) else None

    async def _make(self, gateway: str) -> Credentials:
        interrupted = places.read(self._directory.first_start, Draft)
        draft = interrupted or Draft()
        places.write(self._directory.first_start, draft)
        for name in OPERATORS:
            entry = draft.operators.get(name)
            if entry is None or not await self._is_valid(entry.key):
                entry = await self._make_operator(name, replace_keys=interrupted is not None)
                draft.operators[name] = entry
                places.write(self._directory.first_start, draft)
            if not entry.agents or not await self._is_valid(entry.agents[0].key):
                agent = await self._make_agent(entry.id, f"{name}-agent")
                draft.operators[name] = OperatorCredentials(entry.name, entry.id, entry.key, [agent])
                places.write(self._directory.first_start, draft)
        project = await self._make_project(draft.operators[OPERATORS[0]].id)
        return Credentials(gateway, [draft.operators[name] for name in OPERATORS], project)

    async def _operator_ids(self) -> dict[str, int]:
        answer = await self._identities.ListOperators(identity.ListOperatorsRequest(), **self._outgoing(_SELF))
        return {operator.name: operator.id for operator in answer.operators}

    async def _is_valid(self, secret: str) -> bool:
        try:
            await self._identities.Authenticate(identity.AuthenticateRequest(secret=secret), **self._outgoing(_SELF))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.PERMISSION_DENIED:
                return True  # the key is the right one, and somebody has paused its agent
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                return False
            raise
        return True

    async def _make_operator(self, name: str, *, replace_keys: bool) -> OperatorCredentials:
        operator_id = (await self._operator_ids()).get(name)
        if operator_id is None:
            made = await self._identities.CreateOperator(
                identity.CreateOperatorRequest(name=name), **self._outgoing(_SELF)
            )
            operator_id = made.operator.id
        elif replace_keys:
            await self._revoke_keys(operator_id)
        await self._give_plan(operator_id)
        key = await self._identities.CreateOperatorKey(
            identity.CreateOperatorKeyRequest(operator_id=operator_id), **self._outgoing(_SELF)
        )
        return OperatorCredentials(name, operator_id, key.secret, [])

    async def _give_plan(self, operator_id: int) -> None:
        """Give an operator the largest plan: who starts a platform is not its customer."""
        known = await self._plans.ListPlans(plans.ListPlansRequest(), **self._outgoing(_SELF))
        request = plans.SetPlanRequest(operator_id=operator_id, plan_id=known.plans[-1].id)
        await self._plans.SetPlan(request, **self._outgoing(_SELF))

    async def _revoke_keys(self, operator_id: int) -> None:
        """End the keys that an interrupted first start made and could not write down; there are no others yet."""
        answer = await self._identities.ListOperatorKeys(
            identity.ListOperatorKeysRequest(operator_id=operator_id), **self._outgoing(_SELF)
        )
        for key in answer.keys:
            if not key.HasField("revoked_at"):
                await self._identities.RevokeOperatorKey(
                    identity.RevokeOperatorKeyRequest(key_id=key.id), **self._outgoing(_SELF)
                )

    async def _make_agent(self, operator_id: int, name: str) -> AgentCredentials:
        answer = await self._identities.ListAgents(
            identity.ListAgentsRequest(operator_id=operator_id), **self._outgoing(_SELF)
        )
        for agent in answer.agents:
            if agent.name == name:
                rotated = await self._identities.RotateAgentKey(
                    identity.RotateAgentKeyRequest(agent_id=agent.id), **self._outgoing(_SELF)
                )
                return AgentCredentials(agent.id, agent.uuid, name, rotated.secret)
        made = await self._identities.CreateAgent(
            identity.CreateAgentRequest(operator_id=operator_id, name=name), **self._outgoing(_SELF)
        )
        return AgentCredentials(made.agent.id, made.agent.uuid, name, made.secret)

    async def _make_project(self, operator_id: int) -> ProjectReference:
        owner = Caller(kind="operator", operator_id=operator_id, scopes=OPERATOR_SCOPES)
        offset = 0
        while True:
            page = await self._queue.ListProjects(
                queue.ListProjectsRequest(limit=_PAGE, offset=offset), **self._outgoing(owner)
            )
            for project in page.projects:
                if project.name == PROJECT:
                    return ProjectReference(project.id, PROJECT)
            if len(page.projects) < _PAGE:
                break
            offset += _PAGE
        made = await self._queue.CreateProject(
            queue.CreateProjectRequest(name=PROJECT, description=_DESCRIPTION), **self._outgoing(owner)
        )
        return ProjectReference(made.project.id, PROJECT)
