"""What an event is. No I/O."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

GAP_TYPE = "events.gap"
EVERY_STREAM = "*"  # the stream of events that concern the readers of every stream

EXPIRED = "expired"  # events after the cursor are older than the history that is kept
HISTORY_LOST = "history_lost"  # the relay lost its place: intermediate changes may be missing from here on
AHEAD = "ahead"  # the cursor is beyond the newest event: it belongs to another history


class Event(msgspec.Struct, frozen=True):
    """One change of one subject.

    Attributes:
        seq: place in the order of all events of the service; gapless, from 1.
        id: `<subject>:<version>`, unique for ever.
        type: what happened, for example `task.completed`.
        stream: who may want to know, for example `project:<id>`.
        subject: the document that changed.
        version: the version of the subject after the change.
        actor: who did it.
        at: when the change was made, in UTC.
        data: facts about the change.
        topics: who else may want to know: further streams that it is part of.
    """

    seq: int
    id: str
    type: str
    stream: str
    subject: str
    version: int
    actor: str
    at: datetime
    data: dict[str, Any]
    topics: tuple[str, ...] = ()


class Gap(msgspec.Struct, frozen=True):
    """Events that a reader asked for and can no longer get. It goes on after `to_seq`; if `ahead`, with `from_seq`.

    Attributes:
        from_seq: the first event that is missing.
        to_seq: the last event that is missing.
        reason: `expired`, `history_lost` or `ahead`.
    """

    from_seq: int
    to_seq: int
    reason: str = EXPIRED


def change_document(
    *,
    event_type: str,
    stream: str,
    subject: str,
    version: int,
    actor: str,
    at: datetime,
    data: dict[str, Any],
    topics: Sequence[str] = (),
) -> dict[str, Any]:
    """Return the sub-document `change` that a source document carries.

    It must be written whole: in the document of an insert, or as `{"$set": {"change": ...}}` of an update. An update
    with an aggregation pipeline is logged as a difference and its change would be lost.
    """
    change = {
        "id": f"{subject}:{version}",
        "type": event_type,
        "stream": stream,
        "subject": subject,
        "version": version,
        "actor": actor,
        "at": at,
        "data": data,
    }
    if topics:
        change["topics"] = list(topics)
    return change


def event_of(document: dict[str, Any]) -> Event:
    """Return the event that a document of the collection `events` holds."""
    change = document["change"]
    return Event(
        document["_id"],
        change["id"],
        change["type"],
        change["stream"],
        change["subject"],
        change["version"],
        change["actor"],
        change["at"],
        change["data"],
        tuple(change.get("topics", ())),
    )


def gap_of(event: Event) -> Gap:
    """Return what an event of type `events.gap` tells a reader."""
    return Gap(event.seq, event.seq, HISTORY_LOST)
