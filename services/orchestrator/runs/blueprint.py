"""Which steps a run has. No I/O."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from services.orchestrator.runs.model import AGENT, DECOMPOSE, SYNTHESIS, VALIDATION, Step
from services.orchestrator.runs.roles import role_of

# How much younger than it is a step may pretend to be for each level of priority. Work is handed out by the time in its
# id, so this is priority and ageing in one: what is less urgent comes first when it has waited so much longer.
HEAD_START = timedelta(seconds=60)
MAX_PRIORITY = 9
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class RemoteAgent(msgspec.Struct, frozen=True):
    """A registered agent that takes a role: its number, its operator, and who is paid: 0 for the run's own operator."""

    id: int
    owner: int = 0
    payee: int = 0


class Blueprint(msgspec.Struct, frozen=True, kw_only=True):
    """What decides which steps a run has.

    Attributes:
        agents: how many.
        quick: whether one agent's answer is taken as it is.
        check: whether the answer is checked at the end.
        model_id: the model of all steps.
        role_models: models of single roles.
        remote: agents that take the first roles.
        priority: 0 to 9.
    """

    agents: int
    quick: bool
    check: bool
    model_id: str
    role_models: Mapping[str, str] = {}
    remote: Sequence[RemoteAgent] = ()
    priority: int = 0


def plan_steps(plan: Blueprint, prompt: str, now: datetime) -> tuple[Step, ...]:
    """Return the steps of a new run, none of which has begun."""
    ids = (_step_id(now - HEAD_START * plan.priority, number) for number in range(plan.agents + 3))
    steps: list[Step] = []
    several = plan.agents > 1 and not plan.quick
    if several:
        steps.append(Step(id=next(ids), kind=DECOMPOSE, model_id=plan.model_id))
    for index in range(1 if plan.quick else plan.agents):
        role = role_of(index)
        agent = plan.remote[index] if index < len(plan.remote) else RemoteAgent(0)
        model_id = "" if agent.id else plan.role_models.get(role, plan.model_id)
        question = "" if several else prompt
        steps.append(
            Step(
                id=next(ids),
                kind=AGENT,
                agent_index=index,
                role=role,
                model_id=model_id,
                agent_id=agent.id,
                owner=agent.owner,
                payee=agent.payee,
                question=question,
            )
        )
    if several:
        steps.append(Step(id=next(ids), kind=SYNTHESIS, model_id=plan.model_id))
    if plan.check and not plan.quick:
        steps.append(Step(id=next(ids), kind=VALIDATION, model_id=plan.model_id))
    return tuple(steps)


def _step_id(at: datetime, number: int) -> str:
    """Return a UUIDv7 of a time; `number` orders those of one millisecond."""
    text = f"{(at - _EPOCH) // timedelta(milliseconds=1):012x}"
    tail = int.from_bytes(os.urandom(8)) & 0x3FFFFFFFFFFFFFFF | 0x8000000000000000
    rest = f"{tail:016x}"
    return f"{text[:8]}-{text[8:]}-7{number:03x}-{rest[:4]}-{rest[4:]}"
