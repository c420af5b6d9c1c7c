"""What a new or changed task looks like before it is written."""

from __future__ import annotations

from typing import Any

import pytest

from kit.errors import InvalidInput
from services.tasks.queue.model import ALLOW, FAIL, NewTask, Project, TaskType, dedupe_key
from services.tasks.queue.service.drafts import Draft, draft_task, revise
from services.tasks.work.model import QUEUED
from tests.unit.tasks.items import NOW

PROJECT = Project(
    id="p", operator_id=7, name="project", description="d", status="active", created_at=NOW, updated_at=NOW
)


def a_type(**fields: Any) -> TaskType:
    known: dict[str, Any] = {
        "id": "t",
        "project_id": "p",
        "operator_id": 7,
        "name": "audit",
        "duplicate_handling": ALLOW,
        "max_retries": 2,
        "lease_duration_minutes": 0.5,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return TaskType(**(known | fields))


def draft(task_type: TaskType, instructions: str | None = None, **variables: str) -> Draft:
    return draft_task(PROJECT, task_type, NewTask("t", instructions, variables, None), "", None, NOW)


def test_an_item_takes_what_its_type_says() -> None:
    item = draft(a_type(), "do").item
    assert (item.queue, item.operator_id, item.kind, item.state) == ("project:p", 7, "t", QUEUED)
    assert (item.max_attempts, item.lease_ms, item.batch, item.idempotency) == (3, 30_000, None, None)
    assert item.payload["description"] == "Task of type audit"
    assert item.payload["instructions"] == "do"


def test_only_types_that_mind_duplicates_set_a_key() -> None:
    assert draft(a_type()).item.dedupe is None
    assert draft(a_type(duplicate_handling=FAIL), a="1").item.dedupe == dedupe_key("t", {"a": "1"})


def test_a_template_wins_over_free_instructions() -> None:
    templated = a_type(template="{{a}}!")
    assert draft(templated, "free", a="x").item.payload["instructions"] == "x!"
    with pytest.raises(InvalidInput) as caught:
        draft(templated, "free")
    assert caught.value.violations[0].field == "variables"


def test_a_revision_changes_what_it_names() -> None:
    item = draft(a_type(), "do", a="1").item
    assert revise(item, a_type(), {"description": "x"})["payload"] == {**item.payload, "description": "x"}
    assert revise(item, a_type(), {"instructions": "y"})["payload"]["instructions"] == "y"
    changed = revise(item, a_type(duplicate_handling=FAIL), {"variables": {"b": "2"}})
    assert changed["dedupe"] == dedupe_key("t", {"b": "2"})


def test_a_revision_fills_in_a_template_only_for_new_variables() -> None:
    item = draft(a_type(template="old {{a}}"), a="1").item
    newer = a_type(template="new {{b}}")
    assert revise(item, newer, {"description": "x"})["payload"]["instructions"] == "old 1"
    assert revise(item, newer, {"instructions": "mine"})["payload"]["instructions"] == "old 1"
    assert revise(item, newer, {"variables": {"b": "2"}})["payload"]["instructions"] == "new 2"
    with pytest.raises(InvalidInput):
        revise(item, newer, {"variables": {"a": "2"}})
