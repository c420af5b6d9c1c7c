"""One transfer while it is composed: its lines in the histories of operators, and its postings."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec.structs import replace

from services.billing.ledger import model
from services.billing.ledger.commands import Deposit, HoldCommand, Leg, SettleHold
from services.billing.ledger.model import Account, Entry, Hold, Posting, Transfer, account_of, stripe_of


class Changes(msgspec.Struct):
    """What a batch of commands changes.

    Attributes:
        accounts: operators' accounts as they are afterwards, by operator.
        platform: what is added to each document of the platform's accounts.
        holds: holds as they are afterwards, by id.
        transfers: new ones.
        entries: new ones.
    """

    accounts: dict[int, Account] = msgspec.field(default_factory=dict)
    platform: dict[str, int] = msgspec.field(default_factory=dict)
    holds: dict[str, Hold] = msgspec.field(default_factory=dict)
    transfers: list[Transfer] = msgspec.field(default_factory=list)
    entries: list[Entry] = msgspec.field(default_factory=list)


class Movement:
    """Writes lines into `changes`.

    Every line of a history is also what moves the money: its deltas are the postings on its account. So histories,
    balances and journal cannot come apart.

    Args:
        changes: where everything is written; the accounts of the operators that take part are in it.
        command: what is done.
        kind: the kind of the transfer.
        stripe: which document of the platform's accounts to use.
        now: the time.
        hold: the hold that it is about.
    """

    def __init__(
        self,
        changes: Changes,
        command: Deposit | HoldCommand,
        kind: str,
        *,
        stripe: int,
        now: datetime,
        hold: Hold | None = None,
    ) -> None:
        self._changes = changes
        self._command = command
        self._kind = kind
        self._stripe = stripe
        self._now = now
        self._hold = hold
        self._owner = hold.operator_id if hold is not None else 0
        self._reference = hold.reference_id if hold is not None else 0
        self._postings: list[Posting] = []

    def come_in(self, deposit: Deposit) -> None:
        """Take credits from outside: the platform issues them."""
        operator_id, amount = deposit.operator_id, deposit.amount
        self._platform(model.ISSUANCE, -amount)
        self._line(operator_id, deposit.type, amount, available=amount, description=deposit.description)
        self._change(operator_id, deposited=amount)

    def set_aside(self, amount: int, description: str) -> None:
        """Move credits of the hold's owner from available to held."""
        self._line(self._owner, model.HOLD, -amount, available=-amount, held=amount, description=description)

    def give_back(self, amount: int, description: str) -> None:
        """Move credits of the hold's owner from held to available."""
        self._line(self._owner, model.RELEASE, amount, available=amount, held=-amount, description=description)

    def pay(self, settlement: SettleHold) -> None:
        """Take what all legs get together from what is held."""
        paid = [leg.operator_id for leg in settlement.legs if leg.operator_id]
        self._line(
            self._owner,
            model.PAYMENT,
            -settlement.total,
            held=-settlement.total,
            description=settlement.description,
            counterparty=paid[0] if len(paid) == 1 else 0,
        )
        own = sum(leg.amount for leg in settlement.legs if leg.operator_id == self._owner)
        self._change(self._owner, spent=settlement.total - own)

    def receive(self, settlement: SettleHold) -> None:
        """Give each leg its part; receivers see in their history what the platform got."""
        fees = [leg for leg in settlement.legs if not leg.operator_id]
        for leg in settlement.legs:
            if not leg.operator_id:
                self._platform(model.FEES, leg.amount)
                continue
            self._line(
                leg.operator_id,
                model.PAYMENT,
                leg.amount,
                available=leg.amount,
                description=leg.description,
                counterparty=self._owner,
            )
            for fee in fees:
                self._note_fee(leg.operator_id, fee)

    def end(self) -> None:
        """Write the transfer."""
        transfer = Transfer(
            id=self._command.transfer_id,
            kind=self._kind,
            fingerprint=self._command.fingerprint,
            postings=tuple(self._postings),
            at=self._now,
        )
        self._changes.transfers.append(transfer)

    def _note_fee(self, operator_id: int, fee: Leg) -> None:
        self._line(operator_id, model.PLATFORM_FEE, -fee.amount, description=fee.description)

    def _platform(self, account: str, amount: int) -> None:
        stripe = stripe_of(account, self._stripe)
        self._changes.platform[stripe] = self._changes.platform.get(stripe, 0) + amount
        self._postings.append(Posting(stripe, model.AVAILABLE, amount))

    def _line(
        self,
        operator_id: int,
        entry_type: str,
        amount: int,
        *,
        available: int = 0,
        held: int = 0,
        description: str = "",
        counterparty: int = 0,
    ) -> None:
        account = self._change(operator_id, available=available, held=held, seq=1)
        deltas = ((model.AVAILABLE, available), (model.HELD, held))
        self._postings += [Posting(account_of(operator_id), balance, delta) for balance, delta in deltas if delta]
        self._changes.entries.append(
            Entry(
                account=account_of(operator_id),
                seq=account.seq,
                type=entry_type,
                amount=amount,
                balance_after=account.available,
                available_delta=available,
                held_delta=held,
                transfer_id=self._command.transfer_id,
                at=self._now,
                reference_id=self._reference,
                description=description,
                counterparty_id=counterparty,
            )
        )

    def _change(self, operator_id: int, **more: int) -> Account:
        account = self._changes.accounts.get(operator_id) or Account(operator_id)
        account = replace(account, **{field: getattr(account, field) + amount for field, amount in more.items()})
        self._changes.accounts[operator_id] = account
        return account
