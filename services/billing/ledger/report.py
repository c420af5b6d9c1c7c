"""What a check of the books found."""

from __future__ import annotations

import msgspec

MAX_PROBLEMS = 100


class Signs(msgspec.Struct, frozen=True):
    """What can be told of the books without reading the journal.

    Attributes:
        balances_sum: sum of all balances, the platform's included; must be 0.
        below_zero: balances of operators that are below zero; must be 0.
        held: what is set aside by the accounts.
        pending: what is set aside by the pending holds; must be the same.
        pending_holds: how many holds are pending.
        fees: what the platform has earned.
    """

    balances_sum: int
    below_zero: int
    held: int
    pending: int
    pending_holds: int
    fees: int

    @property
    def broken(self) -> list[str]:
        """The names of the invariants that do not hold."""
        checks = {
            "balances_sum": self.balances_sum == 0,
            "below_zero": self.below_zero == 0,
            "holds": self.held == self.pending,
        }
        return [name for name, holds in checks.items() if not holds]


class Report(msgspec.Struct):
    """What was found when every balance was computed again from the journal.

    Attributes:
        transfers: transfers in the journal.
        accounts: accounts, stripes of the platform's included.
        pending_holds: holds that are pending.
        postings_sum: sum of all postings; must be 0.
        fees: what the platform has earned.
        problems: sentences, `MAX_PROBLEMS` at the most.
    """

    transfers: int = 0
    accounts: int = 0
    pending_holds: int = 0
    postings_sum: int = 0
    fees: int = 0
    problems: list[str] = msgspec.field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not self.problems and self.postings_sum == 0

    def complain(self, problem: str) -> None:
        """Note a problem."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)

    def expect(self, what: str, found: int, wanted: int) -> None:
        """Note a problem unless two numbers are the same."""
        if found != wanted:
            self.complain(f"{what} is {found}, but should be {wanted}")
