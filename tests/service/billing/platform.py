"""Hosts the service `billing` in this process and calls it through its stubs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import redis.asyncio
from google.protobuf.timestamp_pb2 import Timestamp
from piecework.billing.v1 import ledger_pb2 as pb
from piecework.billing.v1 import ledger_pb2_grpc, plans_pb2, plans_pb2_grpc
from pymongo import AsyncMongoClient

from kit.caller import ADMIN, OPERATOR_SCOPES, Caller, CallerSigner, service_caller
from kit.channels import Outgoing
from kit.clock import ManualClock
from kit.ids import new_id
from kit.metrics import Registry
from kit.mongo import Document
from kit.settings import Settings
from kit.status import result_of
from kit.target import Resources
from services.billing.app import BillingApp, build
from services.billing.ledger.loops import HoldExpiry, InvariantWatch
from tests.service.hosting import LateChannels, host_for

MARKET_SERVICE = service_caller("tasks")
ADMINISTRATOR = Caller(kind="operator", operator_id=99, scopes=(*OPERATOR_SCOPES, ADMIN))
_NEVER = 1e6


def operator(operator_id: int) -> Caller:
    """Return an operator with its usual key."""
    return Caller(kind="operator", operator_id=operator_id, scopes=OPERATOR_SCOPES)


class BillingPlatform:
    """One replica of the service.

    Args:
        mongo: the database client; replicas that share it and the prefix are one installation.
    """

    def __init__(
        self,
        mongo: AsyncMongoClient[Document],
        redis_client: redis.asyncio.Redis,
        database_prefix: str,
        clock: ManualClock,
    ) -> None:
        self.clock = clock
        self._channels = LateChannels()
        self._outgoing = Outgoing(CallerSigner("the key of an installation of tests"))
        signer = CallerSigner("the key of an installation of tests")
        settings = Settings(database_prefix=database_prefix)
        self.resources = Resources(settings, mongo, redis_client, self._channels, signer, clock, Registry())
        self.database = self.resources.database("billing")
        self.target = build(self.resources)
        # The loops of the service look once, at the start; after that tests decide.
        app = self.app
        app.expiry = HoldExpiry(app.store, app.journal, clock, tick_seconds=_NEVER)
        app.watch = InvariantWatch(app.audit, app.metrics.show_signs, app.metrics.show_report, tick_seconds=_NEVER)
        self.host = host_for(self.target.registrations, signer)
        self._channels.lead_to(self.host)
        self.ledger: Any = None
        self.plans: Any = None

    @property
    def app(self) -> BillingApp:
        answer: BillingApp = self.target.start.__self__  # type: ignore[attr-defined]
        return answer

    async def start(self) -> None:
        await self.target.start()
        await self.host.start()
        self.ledger = ledger_pb2_grpc.LedgerServiceStub(self._channels.get("billing"))
        self.plans = plans_pb2_grpc.PlanServiceStub(self._channels.get("billing"))

    async def stop(self) -> None:
        await self._channels.close()
        await self.host.drain()
        await self.target.stop()

    def pass_time(self, **length: float) -> None:
        """Move the clock: `pass_time(minutes=10)`."""
        self.clock.set(self.clock.now() + timedelta(**length))

    async def call(self, method: Callable[..., Awaitable[Any]], request: Any, caller: Caller = MARKET_SERVICE) -> Any:
        return await result_of(method(request, **self._outgoing(caller, timeout=60)))

    async def deposit(self, operator_id: int, amount: int, transfer_id: str = "", **fields: Any) -> pb.Account:
        request = pb.DepositRequest(
            transfer_id=transfer_id or new_id(),
            operator_id=operator_id,
            amount_credits=amount,
            **{"type": pb.ENTRY_TYPE_DEPOSIT, **fields},
        )
        answer: pb.Account = (await self.call(self.ledger.Deposit, request)).account
        return answer

    async def place(self, operator_id: int, amount: int, hold_id: str = "", **fields: Any) -> pb.Hold:
        request = pb.PlaceHoldRequest(
            hold_id=hold_id or f"task:{new_id()}", operator_id=operator_id, amount_credits=amount, **fields
        )
        answer: pb.Hold = (await self.call(self.ledger.PlaceHold, request)).hold
        return answer

    async def adjust(self, hold_id: str, amount: int, transfer_id: str = "") -> pb.Hold:
        request = pb.AdjustHoldRequest(
            hold_id=hold_id, transfer_id=transfer_id or new_id(), amount_credits=amount, description="Another price"
        )
        answer: pb.Hold = (await self.call(self.ledger.AdjustHold, request)).hold
        return answer

    async def settle(self, hold_id: str, *legs: tuple[int, int, str], description: str = "Work") -> pb.Hold:
        request = pb.SettleHoldRequest(
            hold_id=hold_id,
            legs=[pb.Leg(operator_id=who, amount_credits=amount, description=text) for who, amount, text in legs],
            description=description,
        )
        answer: pb.Hold = (await self.call(self.ledger.SettleHold, request)).hold
        return answer

    async def release(self, hold_id: str) -> pb.Hold:
        request = pb.ReleaseHoldRequest(hold_id=hold_id, description="Cancelled")
        answer: pb.Hold = (await self.call(self.ledger.ReleaseHold, request)).hold
        return answer

    async def hold(self, hold_id: str) -> pb.Hold:
        answer: pb.Hold = (await self.call(self.ledger.GetHold, pb.GetHoldRequest(hold_id=hold_id))).hold
        return answer

    async def account(self, operator_id: int) -> pb.Account:
        request = pb.GetAccountRequest(operator_id=operator_id)
        answer: pb.Account = (await self.call(self.ledger.GetAccount, request)).account
        return answer

    async def balances(self, operator_id: int) -> tuple[int, int]:
        """Return what is available and what is held."""
        account = await self.account(operator_id)
        return account.available_credits, account.held_credits

    async def entries(self, operator_id: int, **fields: Any) -> list[pb.Entry]:
        request = pb.ListEntriesRequest(operator_id=operator_id, **fields)
        return list((await self.call(self.ledger.ListEntries, request)).entries)

    async def verify(self) -> pb.VerifyResponse:
        answer: pb.VerifyResponse = await self.call(self.ledger.Verify, pb.VerifyRequest())
        return answer

    async def consume(self, operator_id: int, consumption_id: str = "", runs: int = 1) -> list[plans_pb2.QuotaUsage]:
        request = plans_pb2.ConsumeQuotaRequest(id=consumption_id or new_id(), operator_id=operator_id, runs=runs)
        return list((await self.call(self.plans.ConsumeQuota, request)).usage)

    async def give_back(self, consumption_id: str) -> bool:
        request = plans_pb2.ReturnQuotaRequest(id=consumption_id)
        return bool((await self.call(self.plans.ReturnQuota, request)).returned)

    async def used(self, operator_id: int) -> list[int]:
        """Return what was counted this hour, day, week and month."""
        request = plans_pb2.ReadUsageRequest(operator_id=operator_id)
        return [each.used for each in (await self.call(self.plans.ReadUsage, request)).counted]

    async def set_plan(self, operator_id: int, plan_id: str, **fields: Any) -> plans_pb2.Plan:
        request = plans_pb2.SetPlanRequest(operator_id=operator_id, plan_id=plan_id, **fields)
        answer: plans_pb2.Plan = (await self.call(self.plans.SetPlan, request)).plan
        return answer

    def later(self, **length: float) -> Timestamp:
        """Return a time after now."""
        stamp = Timestamp()
        stamp.FromDatetime(self.clock.now() + timedelta(**length))
        return stamp
