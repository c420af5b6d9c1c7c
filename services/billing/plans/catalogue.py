"""The plans there are, as `plans.toml` tells them."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from importlib import resources

import msgspec

from services.billing.plans.errors import PlanNotFound
from services.billing.plans.model import WINDOWS, Assignment, Plan


class Catalogue:
    """Knows the plans.

    Args:
        plans: the smallest first; it is what an operator has until another one is set.
    """

    def __init__(self, plans: Sequence[Plan]) -> None:
        self.plans = tuple(plans)
        self._by_id = {plan.id: plan for plan in plans}

    def plan(self, plan_id: str) -> Plan:
        """Return a plan.

        Raises:
            PlanNotFound: there is none of that id.
        """
        if plan_id not in self._by_id:
            raise PlanNotFound(plan_id, list(self._by_id))
        return self._by_id[plan_id]

    def plan_of(self, assignment: Assignment | None) -> Plan:
        """Return the plan as an operator has it; a plan that is no longer offered is the first one."""
        if assignment is None:
            return self.plans[0]
        return assignment.apply_to(self._by_id.get(assignment.plan_id, self.plans[0]))


def read_catalogue() -> Catalogue:
    """Return the plans of the file beside this module."""
    text = resources.files(__package__).joinpath("plans.toml").read_text(encoding="utf-8")
    plans = msgspec.convert(tomllib.loads(text)["plans"], list[Plan])
    unknown = {window for plan in plans for window in plan.limits} - set(WINDOWS)
    if unknown or not plans:
        raise ValueError(f"the plans are wrong: {sorted(unknown)} are no windows")
    return Catalogue(plans)
