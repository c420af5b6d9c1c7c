"""The ledger itself: applies commands to what they touch, and says what to write. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from msgspec.structs import replace

from kit.errors import DomainError
from services.billing.ledger import commands as do
from services.billing.ledger import model
from services.billing.ledger.errors import (
    HoldExists,
    HoldNotFound,
    HoldResolved,
    HoldTooSmall,
    InsufficientCredits,
    TransferExists,
)
from services.billing.ledger.model import Account, Hold
from services.billing.ledger.movement import Changes, Movement


class Books:
    """The part of the ledger that a batch of commands touches.

    Args:
        accounts: the accounts of the operators named by commands or holds, as far as they exist.
        holds: the holds named by commands, as far as they exist.
        transfers: fingerprints of the transfers that exist already, by id.
        stripe: which document of the platform's accounts to use.
        now: the time.
    """

    def __init__(
        self,
        accounts: Iterable[Account],
        holds: Iterable[Hold],
        transfers: Mapping[str, str],
        stripe: int,
        now: datetime,
    ) -> None:
        self._accounts = {account.operator_id: account for account in accounts}
        self._holds = {hold.id: hold for hold in holds}
        self._done = dict(transfers)
        self._stripe = stripe
        self._now = now
        # Accounts and holds enter when they change.
        self.changes = Changes()

    def apply(self, command: do.Command) -> Account | Hold:
        """Do what `command` asks, or change nothing.

        Returns:
            The account, or the hold, as it is now.

        Raises:
            DomainError: why it is refused.
        """
        match command:
            case do.OpenAccount():
                return self._open(command.operator_id)
            case do.Deposit():
                return self._deposit(command)
            case do.PlaceHold():
                return self._place(command)
            case do.AdjustHold():
                return self._adjust(command)
            case do.SettleHold():
                return self._settle(command)
            case do.ReleaseHold():
                return self._release(command)

    def _open(self, operator_id: int) -> Account:
        if operator_id not in self._accounts:
            self.changes.accounts.setdefault(operator_id, Account(operator_id))
        return self._account(operator_id)

    def _deposit(self, command: do.Deposit) -> Account:
        if not self._is_repeated(command, TransferExists(command.id)):
            movement = self._movement(command, command.type, command.operator_id)
            movement.come_in(command)
            self._end(movement, command)
        return self._account(command.operator_id)

    def _place(self, command: do.PlaceHold) -> Hold:
        if self._is_repeated(command, HoldExists(command.hold_id)):
            return self._hold(command.hold_id)
        self._require_available(command.operator_id, command.amount)
        hold = Hold(
            id=command.hold_id,
            operator_id=command.operator_id,
            amount=command.amount,
            state=model.PENDING,
            created_at=self._now,
            reference_id=command.reference_id,
            description=command.description,
            expires_at=command.expires_at,
        )
        movement = self._movement(command, "place", hold.operator_id, hold=hold)
        movement.set_aside(command.amount, command.description)
        self._end(movement, command)
        return self._keep(hold)

    def _adjust(self, command: do.AdjustHold) -> Hold:
        if self._is_repeated(command, TransferExists(command.id)):
            return self._hold(command.hold_id)
        hold = self._pending(command.hold_id)
        more = command.amount - hold.amount
        self._require_available(hold.operator_id, more)
        movement = self._movement(command, "adjust", hold.operator_id, hold=hold)
        if more > 0:
            movement.set_aside(more, command.description)
        elif more < 0:
            movement.give_back(-more, command.description)
        self._end(movement, command)
        return self._keep(replace(hold, amount=command.amount))

    def _settle(self, command: do.SettleHold) -> Hold:
        hold = self._hold(command.hold_id)
        if self._is_repeated(command, HoldResolved(hold.id, hold.state)):
            return hold
        hold = self._pending(command.hold_id)
        if command.total > hold.amount:
            raise HoldTooSmall(hold.amount, command.total)
        paid = [leg.operator_id for leg in command.legs if leg.operator_id]
        movement = self._movement(command, "settle", hold.operator_id, *paid, hold=hold)
        movement.pay(command)
        if rest := hold.amount - command.total:
            movement.give_back(rest, command.description)
        movement.receive(command)
        self._end(movement, command)
        return self._keep(replace(hold, state=model.SETTLED, resolved_at=self._now))

    def _release(self, command: do.ReleaseHold) -> Hold:
        hold = self._hold(command.hold_id)
        expires = command.due_at is not None
        if (expires and not hold.is_due(command.due_at)) or hold.state in (model.RELEASED, model.EXPIRED):
            return hold
        self._pending(command.hold_id)
        movement = self._movement(command, "expire" if expires else "release", hold.operator_id, hold=hold)
        movement.give_back(hold.amount, command.description)
        self._end(movement, command)
        return self._keep(replace(hold, state=model.EXPIRED if expires else model.RELEASED, resolved_at=self._now))

    def _movement(
        self, command: do.Deposit | do.HoldCommand, kind: str, *operator_ids: int, hold: Hold | None = None
    ) -> Movement:
        for operator_id in operator_ids:
            self.changes.accounts.setdefault(operator_id, self._account(operator_id))
        return Movement(self.changes, command, kind, stripe=self._stripe, now=self._now, hold=hold)

    def _end(self, movement: Movement, command: do.Deposit | do.HoldCommand) -> None:
        movement.end()
        self._done[command.transfer_id] = command.fingerprint

    def _is_repeated(self, command: do.Deposit | do.HoldCommand, otherwise: DomainError) -> bool:
        fingerprint = self._done.get(command.transfer_id)
        if fingerprint is None:
            return False
        if fingerprint != command.fingerprint:
            raise otherwise
        return True

    def _require_available(self, operator_id: int, amount: int) -> None:
        available = self._account(operator_id).available
        if amount > available:
            raise InsufficientCredits(available, amount)

    def _account(self, operator_id: int) -> Account:
        known = self.changes.accounts.get(operator_id) or self._accounts.get(operator_id)
        return known or Account(operator_id)

    def _hold(self, hold_id: str) -> Hold:
        hold = self.changes.holds.get(hold_id) or self._holds.get(hold_id)
        if hold is None:
            raise HoldNotFound(hold_id)
        return hold

    def _pending(self, hold_id: str) -> Hold:
        hold = self._hold(hold_id)
        if not hold.is_pending:
            raise HoldResolved(hold.id, hold.state)
        return hold

    def _keep(self, hold: Hold) -> Hold:
        self.changes.holds[hold.id] = hold
        return hold
