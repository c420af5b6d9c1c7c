"""Whose step is next: the share of each operator in the workers of this process. No I/O.

Operators with work are served in the order of their virtual time, which grows by one over their weight with every step
(start-time fair queueing, Goyal, Vin and Cheng 1996): an operator with a thousand runs and one with ten get the same,
or as much more as the plan weighs. Who comes back after a pause gets no credit for it.
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

    def __init__(self, time: float) -> None:
        self.time = time
        self.steps = 0
        self.weight = 1


class FairShare:
    """Knows who waits, and who is next."""

    def __init__(self) -> None:
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
            number: each for number, each in self._accounts.items() if each.steps or each.time > self._now
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
        account = self._accounts.get(demand.operator_id)
        if account is None:
            account = self._accounts[demand.operator_id] = _Account(self._now)
        if not account.steps:
            account.time = max(account.time, self._now)
        account.weight = demand.weight or account.weight
        return account
