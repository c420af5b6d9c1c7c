"""Gives operators their welcome credits: at once if the ledger answers, otherwise as soon as it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog

from kit.errors import AlreadyExists, DomainError, Unavailable
from services.agents.welcome.model import OPERATOR, Bonus, Owed, bonus

if TYPE_CHECKING:
    from services.agents.welcome.store import WelcomeStore

_BATCH = 100
_log = structlog.get_logger(__name__)


class Bank(Protocol):
    """Keeps the accounts of operators."""

    async def open_account(self, operator_id: int) -> None:
        """Open the account of an operator, unless it is open."""
        ...

    async def give(self, bonus: Bonus) -> None:
        """Put a bonus on an account, unless it has been.

        Raises:
            AlreadyExists: something else was given under its id.
        """
        ...


class WelcomeService:
    """Gives what is owed.

    Args:
        store: knows what is owed.
        bank: keeps the accounts.
    """

    def __init__(self, store: WelcomeStore, bank: Bank) -> None:
        self._store = store
        self._bank = bank

    async def greet(self, operator_id: int) -> None:
        """Give an operator what it is owed; when that fails now, `give_owed` does it later. Never raises."""
        try:
            await self._give(await self._store.owed(operator_id))
        except DomainError as error:
            _log.warning(
                "the welcome credits come later", operator_id=operator_id, reason=error.reason, problem=error.message
            )

    async def give_owed(self) -> int:
        """Give all operators what they are owed, and return how many of them there were.

        Raises:
            Unavailable: the ledger or the database cannot be reached now.
        """
        given, after = 0, 0
        while owed := await self._store.find_owed(after, _BATCH):
            for each in owed:
                try:
                    await self._give(each)
                except Unavailable:
                    raise
                except DomainError as error:
                    # What is wrong with one must not cost the others theirs.
                    _log.error(
                        "welcome credits cannot be given",
                        operator_id=each.operator_id,
                        reason=error.reason,
                        problem=error.message,
                    )
                else:
                    given += 1
            after = owed[-1].operator_id
        return given

    async def _give(self, owed: Owed) -> None:
        for kind in owed.kinds:
            if kind == OPERATOR:
                await self._bank.open_account(owed.operator_id)
            try:
                await self._bank.give(bonus(kind, owed.operator_id))
            except AlreadyExists as error:
                # An earlier release gave another amount under this id: it has been given.
                _log.warning("welcome credits were given before", operator_id=owed.operator_id, problem=error.message)
            await self._store.note_given(owed.operator_id, kind)
