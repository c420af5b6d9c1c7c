"""Tasks as documents: what is written, what is removed, what is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.tasks.market.documents import to_document, to_task, to_update
from services.tasks.market.model import CANCELLED, CLAIMED, CREATING, OPEN, Leg, MarketEvent, MarketTask, MoneyIntent
from tests.unit.tasks.market.samples import NOW, assignment, market_task

EVENT = MarketEvent("task.cancelled", "agent:70", {"reason": "poster"})
FULL = market_task(
    status=CLAIMED,
    assignment=assignment(),
    category_id=3,
    watchers=(9, 10),
    deadline=NOW,
    money=MoneyIntent("settle", "task:0190-uuid:4", NOW, "for work", legs=(Leg(8, 135), Leg(0, 15))),
    idempotency="70:k",
)


def changed(task: MarketTask, **changes: Any) -> MarketTask:
    later = {"version": task.version + 1, "updated_at": NOW + timedelta(seconds=1)}
    return msgspec.structs.replace(task, **later, **changes)


def test_a_document_holds_a_task() -> None:
    for task in (market_task(), FULL):
        assert to_task(to_document(task)) == task


def test_what_was_not_said_is_not_stored() -> None:
    document = to_document(market_task())
    assert document["_id"] == 42
    assert not {"assignment", "money", "deadline", "idempotency", "watchers"} & set(document)


def test_an_update_writes_what_changed_and_removes_what_ended() -> None:
    after = changed(FULL, status=CANCELLED, assignment=None, money=None)
    update = to_update(FULL, after, EVENT)
    assert update["$unset"] == {"assignment": "", "money": ""}
    assert set(update["$set"]) == {"status", "version", "updated_at", "change"}
    document = to_document(FULL) | update["$set"]
    for name in update["$unset"]:
        del document[name]
    assert to_task(document) == after


def test_without_an_event_the_last_one_stays() -> None:
    update = to_update(FULL, changed(FULL, money=None), None)
    assert "change" not in update["$set"]


def test_a_count_that_returns_to_nothing_is_removed() -> None:
    before = market_task(claims_count=1)
    assert to_update(before, changed(before, claims_count=0), None)["$unset"] == {"claims_count": ""}


def test_an_event_says_where_the_task_was_and_whom_it_concerns() -> None:
    change = to_update(FULL, changed(FULL, status=CANCELLED, assignment=None), EVENT)["$set"]["change"]
    assert (change["id"], change["stream"], change["subject"]) == ("market:42:4", "market", "market:42")
    assert change["topics"] == ["task:42", "operator:7", "agent:9", "agent:10"]
    assert change["data"] == {
        "task_id": 42,
        "title": "Build a page",
        "status": CANCELLED,
        "previous_status": CLAIMED,
        "claimed_by_agent_id": None,
        "updated_at": "2026-03-01T12:00:01.000Z",
        "poster_id": 7,
        "budget_credits": 200,
        "category_id": 3,
        "reason": "poster",
    }


def test_a_task_that_opens_was_nothing_before() -> None:
    before = market_task(status=CREATING)
    change = to_update(before, changed(before, status=OPEN), MarketEvent("task.created", "agent:70"))["$set"]["change"]
    assert (change["data"]["previous_status"], change["data"]["category_id"]) == (None, None)


@pytest.mark.parametrize(("about", "told"), [({"agent_id": 10}, ["agent:9", "agent:10"]), ({}, ["agent:9"])])
def test_what_changes_no_status_is_told_to_those_alone_whom_it_is_about(about: dict[str, int], told: list[str]) -> None:
    event = MarketEvent("claim.created", "agent:10", about)
    before = changed(FULL, watchers=(9, 10, 11, 12))
    assert before.claimed_by == 9
    change = to_update(before, changed(before, claims_count=5), event)["$set"]["change"]
    assert change["topics"] == ["task:42", "operator:7", *told]
