"""What a run may spend. No I/O.

A call reserves the most that it can cost before it begins, in the write that lets it begin, and settles after it. So
what is spent and set aside never exceeds the limit, however many calls are under way, whatever breaks.
"""

from __future__ import annotations

import msgspec

from services.orchestrator.runs.errors import budget_spent
from services.orchestrator.runs.model import AGENT, SYNTHESIS, VALIDATION, Run, Step

# What is kept for making one answer of many and for checking it.
_END_SHARE = 4


def room(run: Run) -> int:
    """Return what can still be set aside."""
    return max(0, run.limit - run.spent - run.reserved)


def allowance(run: Run, step: Step) -> int:
    """Return what a call of a step should keep to, so that others can begin too; no more than there is room for.

    The agents share what is not kept for the end of the run, each alike.
    """
    left = room(run)
    if step.kind != AGENT:
        return left
    ending = any(each.kind in (SYNTHESIS, VALIDATION) for each in run.steps)
    shared = run.limit - run.limit // _END_SHARE if ending else run.limit
    share = shared // max(1, len(run.agents)) - step.cost - step.reserved
    return max(0, min(left, share))


def last_resort(run: Run, step: Step) -> int:
    """Return what the shortest answer of a step may cost when its share does not suffice.

    However small the budget is, each step may answer once; what it goes on with stays within its share.
    """
    return 0 if step.cost else room(run)


def may_fit(run: Run, step: Step, amount: int) -> bool:
    """Tell whether a call that has no room now would fit if other steps gave back what they have set aside."""
    freed = run.with_steps([msgspec.structs.replace(each, reserved=0) for each in run.steps if each.id != step.id])
    return freed.reserved < run.reserved and amount <= max(allowance(freed, step), last_resort(freed, step))


def reserve(run: Run, step: Step, amount: int) -> Run:
    """Set credits aside for a call of a step.

    Raises:
        Exhausted: BUDGET_SPENT.
    """
    if amount > room(run):
        raise budget_spent(run.limit)
    return run.with_steps([msgspec.structs.replace(step, reserved=step.reserved + amount)])


def settled(step: Step, cost: int) -> Step:
    """Return a step whose call has ended and cost so much; more than was set aside is the platform's loss."""
    return msgspec.structs.replace(step, cost=step.cost + min(cost, step.reserved), reserved=0)


def forfeited(step: Step) -> Step:
    """Return a step whose call nobody knows the end of: it may have cost all that was set aside.

    An agent that gave up its work is not paid.
    """
    return settled(step, 0 if step.agent_id else step.reserved)
