"""Who may do what with money, and what is asked of the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from kit.caller import ADMIN, READ, Caller
from kit.errors import FieldViolation, InvalidInput, PermissionDenied
from services.billing.ledger import commands as do
from services.billing.ledger.errors import HoldNotFound, ServicesOnly
from services.billing.ledger.model import Account, Entry, Hold
from services.billing.ledger.report import Report

if TYPE_CHECKING:
    from services.billing.ledger.audit import Audit
    from services.billing.ledger.store import LedgerStore

_Kept = TypeVar("_Kept", Account, Hold)


class Writer(Protocol):
    """Does what commands ask, each once."""

    async def apply(self, command: do.Command) -> Account | Hold:
        """Return the account, or the hold, as it is now."""
        ...


class LedgerService:
    """The use cases of money.

    Args:
        journal: writes.
        store: reads.
        audit: checks the books.
    """

    def __init__(self, journal: Writer, store: LedgerStore, audit: Audit) -> None:
        self._journal = journal
        self._store = store
        self._audit = audit

    async def open_account(self, caller: Caller, command: do.OpenAccount) -> Account:
        """Open an account; one that is open stays as it is.

        Raises:
            PermissionDenied: the caller is not a service.
        """
        _require_service(caller)
        return await self._do(command, Account)

    async def deposit(self, caller: Caller, command: do.Deposit) -> Account:
        """Put credits from outside on an account.

        Raises:
            PermissionDenied: the caller is no service and lacks the scope `admin`.
            TransferExists: the id moved other money.
        """
        caller.require(ADMIN)
        return await self._do(command, Account)

    async def change_hold(self, caller: Caller, command: do.HoldCommand) -> Hold:
        """Place, adjust, settle or release a hold.

        Raises:
            PermissionDenied: the caller is not a service.
            InsufficientCredits: the account does not cover it.
            HoldExists: the id holds other money.
            TransferExists: the id of a change moved other money.
            HoldNotFound: there is no such hold.
            HoldResolved: the hold has ended otherwise.
            HoldTooSmall: more is to be paid than is set aside.
        """
        _require_service(caller)
        return await self._do(command, Hold)

    async def hold(self, caller: Caller, hold_id: str) -> Hold:
        """Return a hold.

        Raises:
            PermissionDenied: the caller is not a service.
            HoldNotFound: there is no such hold.
        """
        _require_service(caller)
        hold = await self._store.hold(hold_id)
        if hold is None:
            raise HoldNotFound(hold_id)
        return hold

    async def account(self, caller: Caller, operator_id: int) -> Account:
        """Return the account of an operator, the caller's own when 0.

        Raises:
            PermissionDenied: it is another operator's.
        """
        return await self._store.account(readable_operator(caller, operator_id))

    async def entries(self, caller: Caller, operator_id: int, before: int | None, limit: int) -> list[Entry]:
        """Return lines of the history of an operator, newest first.

        Args:
            caller: who asks.
            operator_id: the operator; the caller's own when 0.
            before: only lines before this one; from the newest when None.
            limit: how many at the most.

        Raises:
            PermissionDenied: it is another operator's.
        """
        return await self._store.entries(readable_operator(caller, operator_id), before, limit)

    async def verify(self, caller: Caller) -> Report:
        """Compute every balance again from the journal and compare.

        Raises:
            PermissionDenied: the caller is no service and lacks the scope `admin`.
        """
        caller.require(ADMIN)
        return await self._audit.verify()

    async def _do(self, command: do.Command, kind: type[_Kept]) -> _Kept:
        kept = await self._journal.apply(command)
        assert isinstance(kept, kind)
        return kept


def readable_operator(caller: Caller, operator_id: int) -> int:
    """Return the operator whose money the caller may see: the one asked for, or its own when that is 0.

    Raises:
        PermissionDenied: another operator's, or a credential that sees no money: anybody may open a session.
        InvalidInput: a service names no operator.
    """
    if caller.kind == "session":
        raise PermissionDenied("SCOPE_MISSING", "A session does not allow this", metadata={"scope": READ})
    if caller.kind != "agent":
        caller.require(READ)
    if not operator_id and not caller.operator_id:
        violation = FieldViolation("operator_id", "must be an operator", "int64.gte")
        raise InvalidInput("VALIDATION_FAILED", "operator_id must be an operator", violations=(violation,))
    if operator_id and ADMIN not in caller.scopes:
        caller.require_operator(operator_id)
    return operator_id or caller.operator_id


def _require_service(caller: Caller) -> None:
    if not caller.is_service:
        if caller.kind == "anonymous":
            caller.require(ADMIN)
        raise ServicesOnly
