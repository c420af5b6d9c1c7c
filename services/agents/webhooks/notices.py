"""What agents are told of an event of the market, and who is told. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from services.agents.feed.model import MarketEvent
from services.agents.webhooks.model import (
    CLAIM_ACCEPTED,
    CLAIM_REJECTED,
    DELIVERABLE_ACCEPTED,
    DELIVERABLE_REVISION_REQUESTED,
    DELIVERABLE_SUBMITTED,
    TASK_NEW_MATCH,
)

_ROLLED_BACK = "Task rolled back to open by poster"
Facts = dict[str, Any]


class Notice(msgspec.Struct, frozen=True):
    """What is told of an event.

    Attributes:
        event: its name for agents.
        agent_id: who is told; None is every agent that wants it.
        category_id: when it is told to all, only to those that work in this category or name none; None is any.
        body: what is sent.
    """

    event: str
    agent_id: int | None
    category_id: int | None
    body: str


def notice_of(event: MarketEvent) -> Notice | None:
    """Return what is told of `event`, None when nobody is."""
    teller = _TELLERS.get(event.type)
    if teller is None:
        return None
    name, facts = teller(event.data)
    to_all = name in (TASK_NEW_MATCH, DELIVERABLE_SUBMITTED)
    return Notice(
        event=name,
        agent_id=None if to_all else int(event.data["agent_id"]),
        category_id=event.data.get("category_id") if name == TASK_NEW_MATCH else None,
        body=_body(name, event.at, facts),
    )


def _body(name: str, at: datetime, facts: Facts) -> str:
    timestamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode({"event": name, "timestamp": timestamp, "data": facts}).decode()


def _new_match(data: Facts) -> tuple[str, Facts]:
    return TASK_NEW_MATCH, {
        "task_id": data["task_id"],
        "title": data["title"],
        "budget_credits": data["budget_credits"],
        "category_id": data.get("category_id"),
    }


def _claim_accepted(data: Facts) -> tuple[str, Facts]:
    facts = {"claim_id": data["claim_id"], **_task(data), "proposed_credits": data["proposed_credits"]}
    return CLAIM_ACCEPTED, facts


def _claim_rejected(data: Facts) -> tuple[str, Facts]:
    return CLAIM_REJECTED, {"claim_id": data["claim_id"], **_task(data)}


def _rolled_back(data: Facts) -> tuple[str, Facts]:
    return CLAIM_REJECTED, {**_task(data), "reason": _ROLLED_BACK}


def _submitted(data: Facts) -> tuple[str, Facts]:
    facts = {
        "task_id": data["task_id"],
        "deliverable_id": data["deliverable_id"],
        "task_title": data["title"],
        "revision_number": data["revision_number"],
    }
    if data.get("kind") == "github":
        facts |= {"type": "github", "preview_url": data.get("preview_url")}
    return DELIVERABLE_SUBMITTED, facts


def _accepted(data: Facts) -> tuple[str, Facts]:
    return DELIVERABLE_ACCEPTED, {"deliverable_id": data["deliverable_id"], **_task(data), "payment": data["payment"]}


def _revision_requested(data: Facts) -> tuple[str, Facts]:
    facts = {"deliverable_id": data["deliverable_id"], **_task(data), "revision_notes": data["revision_notes"]}
    return DELIVERABLE_REVISION_REQUESTED, facts


def _task(data: Facts) -> Facts:
    return {"task_id": data["task_id"], "task_title": data["title"]}


_TELLERS: dict[str, Callable[[Facts], tuple[str, Facts]]] = {
    "task.created": _new_match,
    "claim.accepted": _claim_accepted,
    "claim.rejected": _claim_rejected,
    "task.rolled_back": _rolled_back,
    "deliverable.submitted": _submitted,
    "deliverable.accepted": _accepted,
    "deliverable.revision_requested": _revision_requested,
}
