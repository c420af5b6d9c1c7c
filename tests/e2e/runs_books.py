"""What the databases and the ledger of an installation say of its runs."""

from __future__ import annotations

import uuid
from typing import Any

import grpc.aio
from piecework.billing.v1 import ledger_pb2, plans_pb2
from piecework.billing.v1.ledger_pb2_grpc import LedgerServiceStub
from piecework.billing.v1.plans_pb2_grpc import PlanServiceStub

from kit.caller import service_caller
from tests.e2e.kills_fleet import Fleet, outgoing
from tests.e2e.piecework import until

_OPERATOR = 1
_PLENTY = 1_000_000
_ORCHESTRATOR, _BILLING = "kills_orchestrator", "kills_billing"
_LIMIT_SECONDS = 90.0


async def is_working(fleet: Fleet) -> bool:
    """Tell whether steps are being worked on."""
    runs = fleet.database().client[_ORCHESTRATOR]["runs"]
    return await runs.find_one({"running": {"$exists": True}}) is not None


class Books:
    """Looks into an installation.

    Args:
        fleet: the installation.

    Attributes:
        problems: what the ledger finds wrong with itself.
        pending: holds of runs that nobody resolved.
        account: the account of the operator in the end.
        runs: the documents of all runs.
        events: the changes of each run, in order.
    """

    def __init__(self, fleet: Fleet) -> None:
        self.problems: list[str] = []
        self.pending = 0
        self.account = ledger_pb2.Account()
        self.runs: dict[str, dict[str, Any]] = {}
        self.events: dict[str, list[dict[str, Any]]] = {}
        self._fleet = fleet

    async def endow(self) -> None:
        """Give the operator a plan that allows everything, and credits for it."""
        windows = (plans_pb2.QUOTA_WINDOW_HOUR, plans_pb2.QUOTA_WINDOW_MONTH)
        limits = [plans_pb2.QuotaLimit(window=window, runs=_PLENTY) for window in windows]
        plan = plans_pb2.SetPlanRequest(operator_id=_OPERATOR, plan_id="super", limits=limits)
        deposit = ledger_pb2.DepositRequest(
            transfer_id=f"test:{uuid.uuid4()}",
            operator_id=_OPERATOR,
            amount_credits=_PLENTY,
            type=ledger_pb2.ENTRY_TYPE_DEPOSIT,
        )
        options = outgoing()(service_caller("tests"))
        async with grpc.aio.insecure_channel(self._fleet.addresses["billing"]) as channel:
            await PlanServiceStub(channel).SetPlan(plan, **options)
            await LedgerServiceStub(channel).Deposit(deposit, **options)
            self.account = await self._account(channel)

    async def close(self) -> None:
        """Wait until the ledger has heard of the end of every run, and read everything."""
        await until(self._is_settled, "every run is settled", _LIMIT_SECONDS)
        options = outgoing()(service_caller("tests"), timeout=60)
        async with grpc.aio.insecure_channel(self._fleet.addresses["billing"]) as channel:
            verified = await LedgerServiceStub(channel).Verify(ledger_pb2.VerifyRequest(), **options)
            self.problems = list(verified.problems) if not verified.ok else []
            self.account = await self._account(channel)
        client = self._fleet.database().client
        self.pending = await client[_BILLING]["ledger_holds"].count_documents({"state": "pending"})
        self.runs = {run["_id"]: run async for run in client[_ORCHESTRATOR]["runs"].find()}
        self.events = {run_id: [] for run_id in self.runs}
        async for event in client[_ORCHESTRATOR]["events"].find(sort=[("_id", 1)]):
            change = event["change"]
            if "run" in change["data"]:
                self.events[change["stream"].removeprefix("run:")].append(change)

    async def _is_settled(self) -> bool:
        runs = self._fleet.database().client[_ORCHESTRATOR]["runs"]
        return not await runs.count_documents({"$or": [{"settled": {"$ne": True}}, {"told": {"$ne": True}}]})

    async def _account(self, channel: grpc.aio.Channel) -> ledger_pb2.Account:
        request = ledger_pb2.GetAccountRequest(operator_id=_OPERATOR)
        answer = await LedgerServiceStub(channel).GetAccount(request, **outgoing()(service_caller("tests")))
        account: ledger_pb2.Account = answer.account
        return account
