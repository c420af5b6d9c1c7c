"""Whose step is next: the share of each operator in the workers of this process. No I/O.

Operators with work are served in the order of their virtual time, which grows by one over their weight with every step
(start-time fair queueing, Goyal, Vin and Cheng 1996): an operator with a thousand runs and one with ten get the same,
or as much more as the plan weighs.

A run has moments in which none of its steps can be taken: they are all under way, and the next one needs their answers.
What its operator misses meanwhile it gets afterwards, up to a number of steps; a longer pause gives no more credit.
"""

from __future__ import annotations

import msgspec


class Demand(msgspec.Struct, frozen=True):
    """Steps of an operator that wait; its weight is 0 where nobody knows it."""

    operator_id: int
    steps: int
    weight: int = 1


class _Account:
    __slots__ = ("steps", "time", "weight")

    def __init__(self) -> None:
        self.time = 0.0
        self.steps = 0
        self.weight = 1


class FairShare:
    """Knows who waits, and who is next.

    Args:
        credit: how many steps an operator that comes back may take before others have their turn.
    """

    def __init__(self, credit: int = 0) -> None:
        self._credit = credit
        self._accounts: dict[int, _Account] = {}
        self._now = 0.0

    @property
    def operators(self) -> int:
        """How many operators have steps that wait, as far as is known."""
        return sum(account.steps > 0 for account in self._accounts.values())

    def add(self, demand: Demand) -> None:
        """Note that more steps of an operator wait."""
        account = self._account(demand)
        account.steps += demand.steps

    def set(self, demands: list[Demand]) -> None:
        """Note all that wait, in place of what was known."""
        for account in self._accounts.values():
            account.steps = 0
        for demand in demands:
            self._account(demand).steps = demand.steps
        self._accounts = {
            number: each for number, each in self._accounts.items() if each.steps or each.time > self._floor(each)
        }

    def next(self) -> int | None:
        """Return the operator whose turn it is; None when nobody has steps that wait."""
        waiting = [(account.time, number) for number, account in self._accounts.items() if account.steps > 0]
        return min(waiting)[1] if waiting else None

    def waiting(self, operator_id: int) -> int:
        """Return how many steps of an operator wait, as far as is known."""
        account = self._accounts.get(operator_id)
        return account.steps if account else 0

    def took(self, operator_id: int, steps: int, known: int) -> None:
        """Note that steps of an operator were handed out; none means that the `known` ones do not wait any more."""
        account = self._accounts[operator_id]
        self._now = max(self._now, account.time)
        account.time += steps / account.weight
        account.steps = max(0, account.steps - (steps or known))

    def _account(self, demand: Demand) -> _Account:
        account = self._accounts.setdefault(demand.operator_id, _Account())
        account.weight = demand.weight or account.weight
        if not account.steps:
            account.time = max(account.time, self._floor(account))
        return account

    def _floor(self, account: _Account) -> float:
        """Return how far an operator without waiting steps may lag behind those who are served."""
        return self._now - self._credit / account.weight
