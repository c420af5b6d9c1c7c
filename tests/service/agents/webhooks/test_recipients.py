"""Who is told of what: the table of the market's contract."""

from __future__ import annotations

from typing import Any

import pytest

from services.agents.webhooks.model import EVENTS
from tests.service.agents.webhooks.platform import WebhookPlatform, agent
from tests.service.agents.webhooks.receiver import Receiver

TASK = {"task_id": 5, "task_title": "Write a test"}
DELIVERABLE = {"deliverable_id": 9, "agent_id": 1}
TO_ONE: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "claim.accepted",
        {"claim_id": 3, "agent_id": 1, "proposed_credits": 150},
        "claim.accepted",
        {"claim_id": 3, **TASK, "proposed_credits": 150},
    ),
    ("claim.rejected", {"claim_id": 3, "agent_id": 1}, "claim.rejected", {"claim_id": 3, **TASK}),
    (
        "task.rolled_back",
        {"claim_id": 3, "agent_id": 1},
        "claim.rejected",
        {**TASK, "reason": "Task rolled back to open by poster"},
    ),
    (
        "deliverable.accepted",
        {**DELIVERABLE, "worker_operator_id": 1, "payment": 135, "platform_fee": 15},
        "deliverable.accepted",
        {"deliverable_id": 9, **TASK, "payment": 135},
    ),
    (
        "deliverable.revision_requested",
        {**DELIVERABLE, "revision_notes": "More"},
        "deliverable.revision_requested",
        {"deliverable_id": 9, **TASK, "revision_notes": "More"},
    ),
]
SUBMITTED = {"task_id": 5, "deliverable_id": 9, "task_title": "Write a test", "revision_number": 2}
TO_ALL: list[tuple[str, dict[str, Any], str, dict[str, Any]]] = [
    (
        "task.created",
        {"category_id": None},
        "task.new_match",
        {"task_id": 5, "title": "Write a test", "budget_credits": 200, "category_id": None},
    ),
    (
        "deliverable.submitted",
        {**DELIVERABLE, "revision_number": 2, "kind": "text"},
        "deliverable.submitted",
        SUBMITTED,
    ),
    (
        "deliverable.submitted",
        {**DELIVERABLE, "revision_number": 2, "kind": "github", "preview_url": "https://x.example"},
        "deliverable.submitted",
        {**SUBMITTED, "type": "github", "preview_url": "https://x.example"},
    ),
]


@pytest.mark.parametrize(("happened", "data", "told", "facts"), TO_ONE + TO_ALL)
async def test_what_is_told_to_whom(
    hooks: WebhookPlatform,
    receiver: Receiver,
    happened: str,
    data: dict[str, Any],
    told: str,
    facts: dict[str, Any],
) -> None:
    await hooks.create(receiver.answering(200, path="worker"))
    await hooks.create(receiver.answering(200, path="second"), told)
    await hooks.create(receiver.answering(200, path="deaf"), *(event for event in EVENTS if event != told))
    await hooks.create(receiver.answering(200, path="other"), caller=agent(2, operator_id=7))
    event = await hooks.happens(happened, **data)
    await hooks.send()
    to_all = (happened, data, told, facts) in TO_ALL
    assert {call.path for call in receiver.calls} == {"/worker", "/second", *(["/other"] if to_all else [])}
    for call in receiver.calls:
        at = event.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        assert call.payload == {"event": told, "timestamp": at, "data": facts}
        assert call.headers["X-TaskHive-Event"] == told
    assert len({call.id for call in receiver.calls}) == len(receiver.calls)


@pytest.mark.parametrize(
    "happened",
    [
        "task.cancelled",
        "claim.created",
        "claim.withdrawn",
        "deliverable.rejected",
        "dispute.resolved",
        "task.rated",
        "comment.created",
        "review.created",
        "something.new",
    ],
)
async def test_what_nobody_is_told(hooks: WebhookPlatform, receiver: Receiver, happened: str) -> None:
    await hooks.create(receiver.answering(200))
    await hooks.happens(happened, agent_id=1, claim_id=3)
    await hooks.send()
    assert receiver.calls == []


async def test_new_tasks_are_told_to_those_who_work_in_their_category(
    hooks: WebhookPlatform, receiver: Receiver
) -> None:
    for number, categories in ((1, [1, 2]), (2, [3]), (3, []), (4, None)):
        document: dict[str, Any] = {"_id": number, "operator_id": number, "name": "a", "secret_hash": str(number)}
        if categories is not None:
            document["category_ids"] = categories
        await hooks.database["agents"].insert_one(document)
        await hooks.create(receiver.answering(200, path=str(number)), caller=agent(number))
    await hooks.happens("task.created", category_id=1)
    await hooks.send()
    assert {call.path for call in receiver.calls} == {"/1", "/3", "/4"}
    receiver.calls.clear()
    await hooks.happens("task.created", category_id=None)
    await hooks.send()
    assert {call.path for call in receiver.calls} == {"/1", "/2", "/3", "/4"}


async def test_the_same_event_again_is_delivered_once(hooks: WebhookPlatform, receiver: Receiver) -> None:
    await hooks.create(receiver.answering(200))
    event = await hooks.happens("claim.rejected", claim_id=3, agent_id=1)
    await hooks.app.publisher.publish(event)
    await hooks.send()
    await hooks.app.publisher.publish(event)
    await hooks.send()
    assert len(receiver.calls) == 1


async def test_a_crash_between_a_delivery_and_its_announcement_loses_nothing(
    hooks: WebhookPlatform, receiver: Receiver
) -> None:
    await hooks.create(receiver.answering(200))
    event = await hooks.happens("claim.rejected", claim_id=3, agent_id=1)
    # As if the process had died before it said that there is something to send.
    await hooks.database["webhooks"].update_many({}, {"$unset": {"due_at": True}, "$set": {"bell": 0}})
    await hooks.send()
    assert receiver.calls == []
    await hooks.app.publisher.publish(event)
    await hooks.send()
    assert len(receiver.calls) == 1


async def test_an_event_reaches_more_agents_than_are_read_at_once(hooks: WebhookPlatform) -> None:
    made = (await hooks.create("https://hooks.invalid/", "task.new_match")).webhook
    template = await hooks.database["webhooks"].find_one({"_id": made.id})
    assert template is not None
    await hooks.database["webhooks"].insert_many(
        [{**template, "_id": 100 + number, "agent_id": 100 + number} for number in range(1_234)]
    )
    await hooks.happens("task.created")
    ids = await hooks.database["webhook_deliveries"].distinct("webhook_id")
    assert len(ids) == await hooks.database["webhook_deliveries"].count_documents({}) == 1_235
