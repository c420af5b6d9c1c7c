"""Other services, as runs need them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from piecework.agents.v1 import registry_pb2, registry_pb2_grpc
from piecework.billing.v1 import ledger_pb2, ledger_pb2_grpc, plans_pb2, plans_pb2_grpc
from piecework.tasks.v1 import work_pb2, work_pb2_grpc

from kit.caller import service_caller
from kit.errors import AlreadyExists, NotFound, WrongState
from kit.peer import Peer
from kit.status import result_of
from kit.timestamps import from_timestamp, to_duration
from services.orchestrator.runs.blueprint import RemoteAgent
from services.orchestrator.runs.model import HOLD_LIFE
from services.orchestrator.runs.service.ports import Leased, NewItem, Outcome, Plan

if TYPE_CHECKING:
    from services.orchestrator.runs.model import Run

TIMEOUT_SECONDS = 5.0
_STATES = {
    work_pb2.WORK_STATE_QUEUED: "queued",
    work_pb2.WORK_STATE_LEASED: "leased",
    work_pb2.WORK_STATE_COMPLETED: "completed",
    work_pb2.WORK_STATE_FAILED: "failed",
}


def queue_of(operator_id: int) -> str:
    """Return the queue of the steps of an operator that models do."""
    return f"pool:llm.{operator_id}"


class _Peer(Peer):
    caller = service_caller("orchestrator")
    timeout_seconds = TIMEOUT_SECONDS


class WorkPeer(_Peer):
    """The queues."""

    service = "tasks"

    async def enqueue(self, items: Sequence[NewItem]) -> None:
        """Put items on their queues; those that are there already stay as they are."""
        queues: defaultdict[tuple[str, int], list[NewItem]] = defaultdict(list)
        for item in items:
            queues[item.queue, item.operator_id].append(item)
        for (queue, operator_id), some in queues.items():
            new = [
                work_pb2.NewWorkItem(
                    id=item.item_id,
                    payload_json=item.payload_json,
                    max_attempts=item.max_attempts,
                    lease_duration=to_duration(item.lease),
                )
                for item in some
            ]
            request = work_pb2.EnqueueRequest(queue=queue, operator_id=operator_id, items=new)
            try:
                await result_of(self._stub().Enqueue(request, **self.options))
            except AlreadyExists:
                continue  # the others are stored all the same

    async def lease(self, operator_id: int, holder: str, limit: int) -> list[Leased]:
        """Take steps of an operator from its queue, without waiting."""
        request = work_pb2.LeaseRequest(queue=queue_of(operator_id), holder=holder, max_items=limit)
        items = (await result_of(self._stub().Lease(request, **self.options))).items
        return [
            Leased(item.id, item.lease.token, item.payload_json, from_timestamp(item.lease.expires_at))
            for item in items
        ]

    async def complete(self, leased: Leased, result: str) -> None:
        """Take an item off its queue; one that somebody else has by now is theirs."""
        lease = work_pb2.LeaseRef(item_id=leased.item_id, token=leased.token)
        request = work_pb2.CompleteRequest(completions=[work_pb2.Completion(lease=lease, result=result)])
        await result_of(self._stub().Complete(request, **self.options))

    async def put_back(self, leased: Leased, error: str, wait: timedelta) -> None:
        """Let an item be leased again after a while."""
        lease = work_pb2.LeaseRef(item_id=leased.item_id, token=leased.token)
        failure = work_pb2.Failure(lease=lease, error=error, can_retry=True, retry_after=to_duration(wait))
        await result_of(self._stub().Fail(work_pb2.FailRequest(failures=[failure]), **self.options))

    async def extend(self, leased: Leased, until: datetime) -> Leased:
        """Move the end of a lease to a time.

        Raises:
            Conflict: STALE_TOKEN.
            WrongState: NOT_LEASED.
        """
        lease = work_pb2.LeaseRef(item_id=leased.item_id, token=leased.token)
        more = max(timedelta(seconds=1), until - leased.expires_at)
        request = work_pb2.ExtendRequest(lease=lease, extension=to_duration(more))
        item = (await result_of(self._stub().Extend(request, **self.options))).item
        return leased._replace(expires_at=from_timestamp(item.lease.expires_at))

    async def outcome(self, item_id: str) -> Outcome | None:
        """Return how an item stands; None when there is none."""
        try:
            answer = await result_of(self._stub().GetItem(work_pb2.GetItemRequest(item_id=item_id), **self.options))
        except NotFound:
            return None
        item = answer.item
        token = item.attempts[-1].token if item.attempts else 0
        return Outcome(_STATES.get(item.state, ""), item.result, item.outputs_json, token)

    def _stub(self) -> work_pb2_grpc.WorkServiceAsyncStub:
        return work_pb2_grpc.WorkServiceStub(self.channel)


class LedgerPeer(_Peer):
    """Money and plans."""

    service = "billing"

    async def plan(self, operator_id: int) -> Plan:
        """Return the plan of an operator."""
        request = plans_pb2.GetPlanRequest(operator_id=operator_id)
        plan = (await result_of(self._plans().GetPlan(request, **self.options))).plan
        return Plan(plan.id, plan.max_agents, plan.run_timeout_seconds)

    async def count(self, run: Run) -> None:
        """Count a run against its plan, once.

        Raises:
            Exhausted: QUOTA_EXCEEDED.
        """
        request = plans_pb2.ConsumeQuotaRequest(id=run.hold_id, operator_id=run.operator_id, runs=1)
        await result_of(self._plans().ConsumeQuota(request, **self.options))

    async def uncount(self, run: Run) -> None:
        """Take back what a run that did not begin counted."""
        request = plans_pb2.ReturnQuotaRequest(id=run.hold_id)
        await result_of(self._plans().ReturnQuota(request, **self.options))

    async def available(self, operator_id: int) -> int:
        """Return what an operator can spend."""
        request = ledger_pb2.GetAccountRequest(operator_id=operator_id)
        answer = await result_of(self._ledger().GetAccount(request, **self.options))
        return int(answer.account.available_credits)

    async def hold(self, run: Run, amount: int) -> None:
        """Set the budget of a run aside, once.

        Raises:
            WrongState: INSUFFICIENT_CREDITS.
        """
        request = ledger_pb2.PlaceHoldRequest(
            hold_id=run.hold_id, operator_id=run.operator_id, amount_credits=amount, description="Budget of a run"
        )
        request.expires_at.FromDatetime(run.created_at + HOLD_LIFE)
        await result_of(self._ledger().PlaceHold(request, **self.options))

    async def settle(self, run: Run) -> None:
        """Pay what a run has spent out of its hold and give the rest back, once."""
        legs = _legs(run)
        try:
            if legs:
                paid = ledger_pb2.SettleHoldRequest(hold_id=run.hold_id, legs=legs, description="Run")
                await result_of(self._ledger().SettleHold(paid, **self.options))
            else:
                free = ledger_pb2.ReleaseHoldRequest(hold_id=run.hold_id, description="Run without costs")
                await result_of(self._ledger().ReleaseHold(free, **self.options))
        except (NotFound, WrongState) as error:
            # It was settled before and nobody heard of it, or it was never placed.
            if error.reason not in ("HOLD_NOT_FOUND", "HOLD_RESOLVED"):
                raise

    def _ledger(self) -> ledger_pb2_grpc.LedgerServiceAsyncStub:
        return ledger_pb2_grpc.LedgerServiceStub(self.channel)

    def _plans(self) -> plans_pb2_grpc.PlanServiceAsyncStub:
        return plans_pb2_grpc.PlanServiceStub(self.channel)


class AgentsPeer(_Peer):
    """Registered agents."""

    service = "agents"

    async def find(self, agent_id: int, operator_id: int) -> RemoteAgent:
        """Return an agent that can be given work.

        Raises:
            NotFound: AGENT_NOT_FOUND.
            WrongState: AGENT_NOT_ACTIVE.
        """
        stub = registry_pb2_grpc.RegistryServiceStub(self.channel)
        profile = (
            await result_of(stub.GetProfile(registry_pb2.GetProfileRequest(agent_id=agent_id), **self.options))
        ).profile
        if profile.status != registry_pb2.AGENT_STATUS_ACTIVE or not profile.HasField("operator"):
            raise WrongState("AGENT_NOT_ACTIVE", f"Agent {agent_id} takes no work now")
        owner = profile.operator.id
        return RemoteAgent(agent_id, owner, 0 if owner == operator_id else owner)


def _legs(run: Run) -> list[ledger_pb2.Leg]:
    """Return who is paid: the platform for models, and the operators of agents."""
    paid: defaultdict[int, int] = defaultdict(int)
    for step in run.steps:
        paid[step.payee] += step.cost
    return [
        ledger_pb2.Leg(operator_id=payee, amount_credits=amount, description="Step of a run")
        for payee, amount in sorted(paid.items())
        if amount
    ]
