"""Operators who may start any number of runs, made over gRPC as `piecework admin` makes them."""

from __future__ import annotations

import secrets

import grpc
import msgspec
from piecework.agents.v1 import identity_pb2, identity_pb2_grpc
from piecework.billing.v1 import ledger_pb2, ledger_pb2_grpc, plans_pb2, plans_pb2_grpc

from bench.load import Site
from bench.product import Platform
from kit.caller import METADATA_KEY, CallerSigner, service_caller

CREDITS = 10_000_000
PLAN = "super"
_RUNS = 1_000_000_000  # in each window: what is measured is no limit of a plan
_WINDOWS = (
    plans_pb2.QUOTA_WINDOW_HOUR,
    plans_pb2.QUOTA_WINDOW_DAY,
    plans_pb2.QUOTA_WINDOW_WEEK,
    plans_pb2.QUOTA_WINDOW_MONTH,
)
_TIMEOUT_SECONDS = 60.0


class Operator(msgspec.Struct, frozen=True):
    """An operator and its key."""

    id: int
    key: str

    def site(self, platform: Platform) -> Site:
        """Where a load generator goes that acts for it."""
        return msgspec.structs.replace(platform.site(), token=self.key)


def enlist(platform: Platform, count: int) -> list[Operator]:
    """Make operators with credits, a key each, and the largest plan without its limits."""
    metadata = ((METADATA_KEY, CallerSigner(platform.caller_key).sign(service_caller("bench"))),)
    with grpc.insecure_channel(platform.grpc) as channel:
        identity = identity_pb2_grpc.IdentityServiceStub(channel)
        ledger = ledger_pb2_grpc.LedgerServiceStub(channel)
        plans = plans_pb2_grpc.PlanServiceStub(channel)

        def operator() -> Operator:
            name = f"bench-{secrets.token_hex(8)}"
            asked = identity_pb2.CreateOperatorRequest(name=name)
            made = identity.CreateOperator(asked, metadata=metadata, timeout=_TIMEOUT_SECONDS).operator
            deposit = ledger_pb2.DepositRequest(
                transfer_id=name, operator_id=made.id, amount_credits=CREDITS, type=ledger_pb2.ENTRY_TYPE_DEPOSIT
            )
            ledger.Deposit(deposit, metadata=metadata, timeout=_TIMEOUT_SECONDS)
            limits = [plans_pb2.QuotaLimit(window=window, runs=_RUNS) for window in _WINDOWS]
            plan = plans_pb2.SetPlanRequest(operator_id=made.id, plan_id=PLAN, limits=limits)
            plans.SetPlan(plan, metadata=metadata, timeout=_TIMEOUT_SECONDS)
            key = identity_pb2.CreateOperatorKeyRequest(operator_id=made.id)
            return Operator(
                made.id, identity.CreateOperatorKey(key, metadata=metadata, timeout=_TIMEOUT_SECONDS).secret
            )

        return [operator() for _ in range(count)]
