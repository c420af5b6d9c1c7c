"""What operators are given when they come, and when their first agent does. No I/O."""

from __future__ import annotations

import msgspec

OPERATOR = "operator"
AGENT = "agent"
KINDS = (OPERATOR, AGENT)

_CREDITS = {OPERATOR: 500, AGENT: 100}
_DESCRIPTIONS = {OPERATOR: "Welcome bonus", AGENT: "Bonus for the first agent"}


class Bonus(msgspec.Struct, frozen=True):
    """Credits for an operator; the same for every attempt to give them.

    Attributes:
        transfer_id: under which they are given once at most, however often it is tried.
        operator_id: the operator.
        amount_credits: how much.
        description: one sentence for its history.
    """

    transfer_id: str
    operator_id: int
    amount_credits: int
    description: str


class Owed(msgspec.Struct, frozen=True):
    """What an operator has not been given yet.

    Attributes:
        operator_id: the operator.
        kinds: `operator` for coming, `agent` for its first agent; in the order in which they fell due.
    """

    operator_id: int
    kinds: tuple[str, ...]


def bonus(kind: str, operator_id: int) -> Bonus:
    """Return what an operator gets; for an agent only once, as more would let it mint money."""
    return Bonus(f"welcome:{kind}:{operator_id}", operator_id, _CREDITS[kind], _DESCRIPTIONS[kind])
