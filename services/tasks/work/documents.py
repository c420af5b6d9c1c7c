"""Work items as MongoDB documents. A change and its event are one write: each write sets the field `change` whole.

What happens on a pool is no event: nobody can watch a pool, and whoever uses one tells its own story of the work.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from msgspec.structs import astuple

from kit.events.model import change_document
from kit.optimistic import VERSION, versioned
from services.tasks.work.model import DELETED, FAILED, Transition, WorkItem

_STORED_NAMES = tuple(field.encode_name for field in msgspec.structs.fields(WorkItem))
_PLAIN = frozenset({str, int, datetime})
_NATIVE = (datetime,)
_POOL = "pool:"


def to_item(document: dict[str, Any]) -> WorkItem:
    """Return the item that `document` holds."""
    return msgspec.convert(document, WorkItem)


def to_document(item: WorkItem, actor: str) -> dict[str, Any]:
    """Return a new item as a document, with the event of its creation."""
    document: dict[str, Any] = msgspec.to_builtins(item, builtin_types=_NATIVE)
    # Defaults are left out, except the two numbers that every later write counts from.
    document["version"], document["token"] = item.version, item.token
    if not item.queue.startswith(_POOL):
        data: dict[str, Any] = {"batch": item.batch} if item.batch else {}
        document["change"] = _change(item, "created", actor, item.created_at, data)
    return document


def to_update(transition: Transition) -> dict[str, Any]:
    """Return the modifiers that turn the item before a transition into the one after it."""
    before, after = transition.before, transition.after
    put: dict[str, Any] = {}
    remove: dict[str, str] = {}
    for name, was, value in zip(_STORED_NAMES, astuple(before), astuple(after), strict=True):
        if value is was or name == VERSION:
            continue
        if value is None:
            remove[name] = ""
        elif type(value) in _PLAIN:
            put[name] = value
        else:
            put[name] = msgspec.to_builtins(value, builtin_types=_NATIVE)
    if after.state in (FAILED, DELETED):
        # The key may have been set beside the versions meanwhile (`WorkStore.dedupe`).
        remove["dedupe"] = ""
    if not after.queue.startswith(_POOL):
        put["change"] = _change(after, transition.kind, transition.actor, after.updated_at, transition.data)
    return versioned(put, remove, after.version)


def _change(item: WorkItem, kind: str, actor: str, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    return change_document(
        event_type=f"task.{kind}",
        stream=item.queue,
        subject=item.id,
        version=item.version,
        actor=actor,
        at=at,
        data=data,
    )
