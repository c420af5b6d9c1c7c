"""What may be asked of the ledger. Each command knows the id under which its transfer is written, once for ever."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec


class OpenAccount(msgspec.Struct, frozen=True):
    """Open the account of an operator."""

    operator_id: int


class Deposit(msgspec.Struct, frozen=True):
    """Put credits from outside on an account; `type` is `deposit` or `bonus`."""

    id: str
    operator_id: int
    amount: int
    type: str
    description: str = ""

    @property
    def transfer_id(self) -> str:
        """The id of its transfer."""
        return _own(self.id)

    @property
    def fingerprint(self) -> str:
        """What it asks for. Sentences are left out: they may be worded otherwise when a call is repeated."""
        return _digest(self.type, self.operator_id, self.amount)


class PlaceHold(msgspec.Struct, frozen=True):
    """Set credits aside."""

    hold_id: str
    operator_id: int
    amount: int
    reference_id: int = 0
    description: str = ""
    expires_at: datetime | None = None

    @property
    def transfer_id(self) -> str:
        """The id of its transfer."""
        return f"place:{self.hold_id}"

    @property
    def fingerprint(self) -> str:
        """What it asks for."""
        return _digest("place", self.operator_id, self.amount, self.reference_id)


class AdjustHold(msgspec.Struct, frozen=True):
    """Set aside another amount from now on; `id` names this change."""

    hold_id: str
    id: str
    amount: int
    description: str = ""

    @property
    def transfer_id(self) -> str:
        """The id of its transfer."""
        return _own(self.id)

    @property
    def fingerprint(self) -> str:
        """What it asks for."""
        return _digest("adjust", self.hold_id, self.amount)


class Leg(msgspec.Struct, frozen=True):
    """One party that is paid: an operator, or the platform's fees when `operator_id` is 0."""

    operator_id: int
    amount: int
    description: str = ""


class SettleHold(msgspec.Struct, frozen=True):
    """Pay out of a hold and give back the rest."""

    hold_id: str
    legs: tuple[Leg, ...]
    description: str = ""

    @property
    def transfer_id(self) -> str:
        """The id of its transfer."""
        return f"settle:{self.hold_id}"

    @property
    def fingerprint(self) -> str:
        """What it asks for."""
        return _digest("settle", [(leg.operator_id, leg.amount) for leg in self.legs])

    @property
    def total(self) -> int:
        """What all parties get together."""
        return sum(leg.amount for leg in self.legs)


class ReleaseHold(msgspec.Struct, frozen=True):
    """Give back all that a hold sets aside; with `due_at` only if the hold has an end that is not after it."""

    hold_id: str
    description: str = ""
    due_at: datetime | None = None

    @property
    def transfer_id(self) -> str:
        """The id of its transfer; a hold that expires is not released besides."""
        return f"release:{self.hold_id}"

    @property
    def fingerprint(self) -> str:
        """What it asks for."""
        return _digest("release")


HoldCommand = PlaceHold | AdjustHold | SettleHold | ReleaseHold
Command = OpenAccount | Deposit | HoldCommand


def _own(caller_id: str) -> str:
    # No id that a caller makes up can be that of another hold's transfer.
    return f"transfer:{caller_id}"


def _digest(*facts: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(facts), digest_size=16).hexdigest()
