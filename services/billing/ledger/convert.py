"""Money as messages."""

from __future__ import annotations

from datetime import datetime

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from piecework.billing.v1 import ledger_pb2 as pb

from kit.pages import decode_cursor, encode_cursor
from kit.timestamps import from_timestamp, to_timestamp
from services.billing.ledger import commands as do
from services.billing.ledger import model
from services.billing.ledger.report import Report

_TYPES = {
    model.DEPOSIT: pb.ENTRY_TYPE_DEPOSIT,
    model.BONUS: pb.ENTRY_TYPE_BONUS,
    model.HOLD: pb.ENTRY_TYPE_HOLD,
    model.RELEASE: pb.ENTRY_TYPE_RELEASE,
    model.PAYMENT: pb.ENTRY_TYPE_PAYMENT,
    model.PLATFORM_FEE: pb.ENTRY_TYPE_PLATFORM_FEE,
    model.REFUND: pb.ENTRY_TYPE_REFUND,
}
_STATES = {
    model.PENDING: pb.HOLD_STATE_PENDING,
    model.SETTLED: pb.HOLD_STATE_SETTLED,
    model.RELEASED: pb.HOLD_STATE_RELEASED,
    model.EXPIRED: pb.HOLD_STATE_EXPIRED,
}


class _Place(msgspec.Struct, frozen=True):
    seq: int


def from_deposit(request: pb.DepositRequest) -> do.Deposit:
    """Return the command of a deposit."""
    return do.Deposit(
        id=request.transfer_id,
        operator_id=request.operator_id,
        amount=request.amount_credits,
        type=model.BONUS if request.type == pb.ENTRY_TYPE_BONUS else model.DEPOSIT,
        description=request.description,
    )


def from_place(request: pb.PlaceHoldRequest) -> do.PlaceHold:
    """Return the command that sets credits aside."""
    return do.PlaceHold(
        hold_id=request.hold_id,
        operator_id=request.operator_id,
        amount=request.amount_credits,
        reference_id=request.reference_id,
        description=request.description,
        expires_at=from_timestamp(request.expires_at) if request.HasField("expires_at") else None,
    )


def from_adjust(request: pb.AdjustHoldRequest) -> do.AdjustHold:
    """Return the command that changes what is set aside."""
    return do.AdjustHold(
        hold_id=request.hold_id,
        id=request.transfer_id,
        amount=request.amount_credits,
        description=request.description,
    )


def from_settle(request: pb.SettleHoldRequest) -> do.SettleHold:
    """Return the command that pays."""
    legs = tuple(do.Leg(leg.operator_id, leg.amount_credits, leg.description) for leg in request.legs)
    return do.SettleHold(hold_id=request.hold_id, legs=legs, description=request.description)


def from_release(request: pb.ReleaseHoldRequest) -> do.ReleaseHold:
    """Return the command that gives back."""
    return do.ReleaseHold(hold_id=request.hold_id, description=request.description)


def account_to_proto(account: model.Account) -> pb.Account:
    """Return the message of an account."""
    return pb.Account(
        operator_id=account.operator_id,
        available_credits=account.available,
        held_credits=account.held,
        deposited_credits=account.deposited,
        spent_credits=account.spent,
    )


def hold_to_proto(hold: model.Hold) -> pb.Hold:
    """Return the message of a hold."""
    return pb.Hold(
        id=hold.id,
        operator_id=hold.operator_id,
        amount_credits=hold.amount,
        state=_STATES[hold.state],
        created_at=to_timestamp(hold.created_at),
        expires_at=_optional(hold.expires_at),
        resolved_at=_optional(hold.resolved_at),
    )


def entry_to_proto(entry: model.Entry) -> pb.Entry:
    """Return the message of a line of a history."""
    return pb.Entry(
        id=f"{entry.account}:{entry.seq}",
        type=_TYPES[entry.type],
        amount_credits=entry.amount,
        balance_after_credits=entry.balance_after,
        reference_id=entry.reference_id,
        description=entry.description,
        counterparty_id=entry.counterparty_id,
        created_at=to_timestamp(entry.at),
        available_delta_credits=entry.available_delta,
        held_delta_credits=entry.held_delta,
        number=entry.seq,
    )


def report_to_proto(report: Report) -> pb.VerifyResponse:
    """Return the message of a check."""
    return pb.VerifyResponse(
        ok=report.ok,
        transfers=report.transfers,
        accounts=report.accounts,
        pending_holds=report.pending_holds,
        postings_sum=report.postings_sum,
        problems=report.problems,
        fees_credits=report.fees,
    )


def to_cursor(entry: model.Entry) -> str:
    """Return the cursor after a line."""
    return encode_cursor(_Place(entry.seq), _scope(entry.account))


def from_cursor(cursor: str, operator_id: int) -> int | None:
    """Return the line that a page ended with, None for no cursor.

    Raises:
        InvalidInput: CURSOR_INVALID.
    """
    return decode_cursor(cursor, _Place, _scope(model.account_of(operator_id))).seq if cursor else None


def _scope(account: str) -> str:
    return f"ledger:{account}"


def _optional(at: datetime | None) -> Timestamp | None:
    return None if at is None else to_timestamp(at)
