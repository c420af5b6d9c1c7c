"""Who may see and move money."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from piecework.billing.v1 import ledger_pb2 as pb

from kit.caller import ANONYMOUS, OPERATOR_SCOPES, READ, WORK, Caller
from kit.errors import InvalidInput, PermissionDenied, Unauthenticated
from tests.service.billing.platform import ADMINISTRATOR, MARKET_SERVICE, BillingPlatform, operator
from tests.service.hosting import refused

NewOperator = Callable[[], int]

HOLD: dict[str, Any] = {"hold_id": "h", "amount_credits": 1}
SERVICES_ONLY = {
    "OpenAccount": pb.OpenAccountRequest(operator_id=1),
    "PlaceHold": pb.PlaceHoldRequest(operator_id=1, **HOLD),
    "AdjustHold": pb.AdjustHoldRequest(transfer_id="t", **HOLD),
    "SettleHold": pb.SettleHoldRequest(hold_id="h", legs=[pb.Leg(operator_id=1, amount_credits=1)]),
    "ReleaseHold": pb.ReleaseHoldRequest(hold_id="h"),
    "GetHold": pb.GetHoldRequest(hold_id="h"),
}
ADMIN_ONLY = {
    "Deposit": pb.DepositRequest(transfer_id="t", operator_id=1, amount_credits=1, type=pb.ENTRY_TYPE_DEPOSIT),
    "Verify": pb.VerifyRequest(),
}
READS = {"GetAccount": pb.GetAccountRequest, "ListEntries": pb.ListEntriesRequest}


@pytest.mark.parametrize("method", SERVICES_ONLY)
async def test_only_services_touch_holds(platform: BillingPlatform, method: str) -> None:
    for caller in (operator(1), ADMINISTRATOR):
        with refused("SERVICES_ONLY", PermissionDenied):
            await platform.call(getattr(platform.ledger, method), SERVICES_ONLY[method], caller)
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await platform.call(getattr(platform.ledger, method), SERVICES_ONLY[method], ANONYMOUS)


@pytest.mark.parametrize("method", ADMIN_ONLY)
async def test_only_administrators_make_money(platform: BillingPlatform, method: str) -> None:
    with refused("SCOPE_MISSING", PermissionDenied):
        await platform.call(getattr(platform.ledger, method), ADMIN_ONLY[method], operator(1))
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await platform.call(getattr(platform.ledger, method), ADMIN_ONLY[method], ANONYMOUS)
    await platform.call(getattr(platform.ledger, method), ADMIN_ONLY[method], ADMINISTRATOR)


@pytest.mark.parametrize("method", READS)
async def test_everybody_sees_the_own_account_alone(
    platform: BillingPlatform, new_operator: NewOperator, method: str
) -> None:
    poster, call, request = new_operator(), getattr(platform.ledger, method), READS[method]
    agent = Caller(kind="agent", operator_id=poster, scopes=(WORK,), agent_id=7)
    for caller in (operator(poster), agent):
        for operator_id in (0, poster):
            await platform.call(call, request(operator_id=operator_id), caller)
        with refused("OTHER_OPERATOR", PermissionDenied):
            await platform.call(call, request(operator_id=poster + 1000), caller)
    for caller in (MARKET_SERVICE, ADMINISTRATOR):
        await platform.call(call, request(operator_id=poster), caller)
    with refused("VALIDATION_FAILED", InvalidInput):
        await platform.call(call, request(), MARKET_SERVICE)
    with refused("AUTHENTICATION_REQUIRED", Unauthenticated):
        await platform.call(call, request(operator_id=poster), ANONYMOUS)


@pytest.mark.parametrize("method", READS)
async def test_a_session_sees_no_money(platform: BillingPlatform, new_operator: NewOperator, method: str) -> None:
    poster = new_operator()
    session = Caller(kind="session", operator_id=poster, scopes=OPERATOR_SCOPES)
    worker = Caller(kind="operator", operator_id=poster, scopes=(WORK,))
    for caller in (session, worker):
        with refused("SCOPE_MISSING", PermissionDenied) as caught:
            await platform.call(getattr(platform.ledger, method), READS[method](operator_id=poster), caller)
        assert caught.value.metadata == {"scope": READ}


async def test_amounts_and_ids_have_bounds(platform: BillingPlatform) -> None:
    for fields in ({"amount_credits": 0}, {"amount_credits": 10**12 + 1}, {"hold_id": ""}, {"hold_id": "x" * 201}):
        with refused("VALIDATION_FAILED", InvalidInput):
            await platform.call(platform.ledger.PlaceHold, pb.PlaceHoldRequest(**{"operator_id": 1, **HOLD, **fields}))
    for legs in ([], [pb.Leg(operator_id=1)]):
        with refused("VALIDATION_FAILED", InvalidInput):
            await platform.call(platform.ledger.SettleHold, pb.SettleHoldRequest(hold_id="h", legs=legs))
