"""Tasks of the market as MongoDB documents. A change and its event are one write."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import msgspec

from kit.events.model import change_document
from services.tasks.market.model import CREATING, MarketEvent, MarketTask
from services.tasks.market.search_index import ALL, COLUMNS
from services.tasks.market.service.watchers import STREAM, agent_topic, operator_topic, task_topic

_NATIVE = (datetime,)


def to_task(document: Mapping[str, Any]) -> MarketTask:
    """Return the task that `document` holds."""
    return msgspec.convert(document, MarketTask)


def to_document(thing: msgspec.Struct) -> dict[str, Any]:
    """Return a struct as a document; what has its default value is left out."""
    document: dict[str, Any] = msgspec.to_builtins(thing, builtin_types=_NATIVE)
    return document


def to_update(before: MarketTask, after: MarketTask, event: MarketEvent | None) -> dict[str, Any]:
    """Return the modifiers that turn one task into the other, with the event of the change if it has one."""
    old, new = to_document(before), to_document(after)
    put = {name: value for name, value in new.items() if name not in old or old[name] != value}
    remove = {name: "" for name in old if name not in new}
    if event is not None:
        put["change"] = to_change(before, after, event)
    update = {"$set": put, "$unset": remove} if remove else {"$set": put}
    if (before.status, before.budget) != (after.status, after.budget):
        # The search index does not show it yet, and nothing at all of a new task.
        update["$max"] = {"unindexed": ALL if before.status == CREATING else COLUMNS}
    return update


def to_change(before: MarketTask, after: MarketTask, event: MarketEvent) -> dict[str, Any]:
    """Return what the event of a change says."""
    created = before.status == "creating"
    data = {
        "task_id": after.id,
        "title": after.title,
        "status": after.status,
        "previous_status": None if created else before.status,
        "claimed_by_agent_id": after.claimed_by,
        "updated_at": after.updated_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "poster_id": after.poster_id,
        "budget_credits": after.budget,
        "category_id": after.category_id or None,
    }
    topics = [
        task_topic(after.id),
        operator_topic(after.poster_id),
        *map(agent_topic, _concerned(before, after, event)),
    ]
    return change_document(
        event_type=event.type,
        stream=STREAM,
        subject=f"market:{after.id}",
        version=after.version,
        actor=event.actor,
        at=after.updated_at,
        data=data | dict(event.data),
        topics=topics,
    )


def _concerned(before: MarketTask, after: MarketTask, event: MarketEvent) -> Collection[int]:
    """Return the agents that are told: all that ever claimed the task when its status changes.

    Anything else is told only to whom it is about. Otherwise each of thousands of claims would be told to thousands.
    """
    if before.status != after.status:
        return after.watchers
    about = {event.data.get("agent_id"), after.claimed_by}
    return [agent_id for agent_id in after.watchers if agent_id in about]
