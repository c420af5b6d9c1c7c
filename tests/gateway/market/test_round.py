"""A whole round of the market over REST, with the documented shapes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.gateway.market.players import DESCRIPTION, TIME, Player, good


async def test_post_claim_deliver_revise_accept(poster: Player, worker: Player) -> None:
    task = await poster.new_task(
        title="Build a landing page", category_id=1, requirements="Must use Tailwind CSS", max_revisions=3
    )
    assert TIME.fullmatch(task.pop("created_at"))
    task_id = task.pop("id")
    assert task == {
        "title": "Build a landing page",
        "description": DESCRIPTION,
        "requirements": "Must use Tailwind CSS",
        "budget_credits": 100,
        "category_id": 1,
        "status": "open",
        "poster_id": poster.operator.id,
        "deadline": None,
        "max_revisions": 3,
        "auto_review_enabled": False,
        "poster_llm_provider": None,
        "poster_max_reviews": None,
    }
    before = await poster.get("/agents/me/credits")
    await _claim(task_id, poster, worker)
    await _deliver_twice(task_id, poster, worker)
    after = await poster.get("/agents/me/credits")
    assert after["credit_balance"] - before["credit_balance"] == 20
    paid = await worker.get("/agents/me/credits")
    assert [(line["type"], line["amount"], line["task_id"]) for line in paid["transactions"][:2]] == [
        ("platform_fee", -8, task_id),
        ("payment", 72, task_id),
    ]
    assert paid["transactions"] == paid["recent_transactions"]
    rated = await poster.post(f"/tasks/{task_id}/rating", {"rating": 5, "comment": "Well done"}, status=201)
    assert rated == {"task_id": task_id, "rating": 5, "quality": None, "speed": None, "comment": "Well done"}


async def _claim(task_id: int, poster: Player, worker: Player) -> None:
    body = {"proposed_credits": 80, "message": "Two days"}
    claim = await worker.post(f"/tasks/{task_id}/claims", body, status=201)
    assert TIME.fullmatch(claim["created_at"])
    shown = {
        "id": claim["id"],
        "task_id": task_id,
        "agent_id": worker.agent_id,
        "proposed_credits": 80,
        "message": "Two days",
        "status": "pending",
        "created_at": claim["created_at"],
    }
    assert claim == shown
    assert await poster.get(f"/tasks/{task_id}/claims") == [{**shown, "agent_name": worker.name}]
    assert await poster.post(f"/tasks/{task_id}/claims/{claim['id']}/accept") == {
        "task_id": task_id,
        "claim_id": claim["id"],
        "agent_id": worker.agent_id,
        "status": "accepted",
    }
    own = (await worker.get("/agents/me/claims"))[0]
    assert (own["id"], own["status"], own["task_status"]) == (claim["id"], "accepted", "claimed")
    assert own["task_title"] == "Build a landing page"
    assert (await worker.get("/agents/me/tasks"))[0] == {
        "id": task_id,
        "title": "Build a landing page",
        "status": "claimed",
        "budget_credits": 100,
        "category": "Coding",
        "deadline": None,
        "max_revisions": 3,
        "created_at": (await worker.get("/agents/me/tasks"))[0]["created_at"],
    }


async def _deliver_twice(task_id: int, poster: Player, worker: Player) -> None:
    first = await worker.deliver(task_id, "  First try  ")
    assert (first["content"], first["revision_number"], first["status"]) == ("First try", 1, "submitted")
    path = f"/tasks/{task_id}/deliverables"
    assert await poster.post(f"{path}/{first['id']}/revision", {"revision_notes": "More"}) == {
        "task_id": task_id,
        "deliverable_id": first["id"],
        "status": "revision_requested",
    }
    second = await worker.deliver(task_id, "Second try")
    listed: Any = await poster.get(path)
    assert [(each["revision_number"], each["status"], each["revision_notes"]) for each in listed] == [
        (1, "revision_requested", "More"),
        (2, "submitted", None),
    ]
    assert all(each["files"] == [] for each in listed)
    assert await poster.post(f"{path}/{second['id']}/accept") == {
        "task_id": task_id,
        "deliverable_id": second["id"],
        "status": "completed",
        "credits_paid": 72,
        "platform_fee": 8,
    }
    shown = await worker.get(f"/tasks/{task_id}")
    assert (shown["status"], shown["deliverables_count"], shown["claims_count"]) == ("completed", 2, 1)
    assert shown["claimed_by_agent_id"] == worker.agent_id


async def test_cancel_and_roll_back(poster: Player, worker: Player) -> None:
    task = await poster.new_task()
    await poster.hire(task["id"], worker)
    assert await poster.post(f"/tasks/{task['id']}/rollback") == {
        "task_id": task["id"],
        "status": "open",
        "message": "Task rolled back to open. The previously assigned agent has been released.",
    }
    assert await poster.post(f"/tasks/{task['id']}/cancel") == {
        "task_id": task["id"],
        "status": "cancelled",
        "message": "Task cancelled. All pending and accepted claims have been rejected.",
    }


async def test_withdraw_and_reject(poster: Player, worker: Player, other: Player) -> None:
    task = await poster.new_task()
    claim, rejected = await worker.claim(task["id"]), await other.claim(task["id"])
    path = f"/tasks/{task['id']}/claims"
    assert await poster.post(f"{path}/{rejected['id']}/reject") == {
        "task_id": task["id"],
        "claim_id": rejected["id"],
        "agent_id": other.agent_id,
        "status": "rejected",
    }
    await poster.post(f"{path}/{claim['id']}/accept")
    assert await worker.post(f"{path}/{claim['id']}/withdraw") == {
        "claim_id": claim["id"],
        "task_id": task["id"],
        "status": "withdrawn",
        "task_reverted": True,
    }


async def test_several_claims_at_once(poster: Player, worker: Player) -> None:
    mine, two = await poster.new_task(), await poster.new_task(budget_credits=50)
    await worker.claim(mine["id"])
    claims = [
        {"task_id": two["id"], "proposed_credits": 40},
        {"task_id": mine["id"], "proposed_credits": 40},
        {"task_id": 10**12, "proposed_credits": 40},
        {"task_id": two["id"], "proposed_credits": 51},
    ]
    done = await worker.post("/tasks/bulk/claims", {"claims": claims})
    assert done["summary"] == {"succeeded": 1, "failed": 3, "total": 4}
    first, *others = done["results"]
    assert (first["task_id"], first["ok"]) == (two["id"], True)
    assert isinstance(first["claim_id"], int)
    assert [(each["ok"], each["error"]["code"], each["error"]["message"]) for each in others] == [
        (False, "DUPLICATE_CLAIM", f"You already have a pending claim on task {mine['id']}"),
        (False, "TASK_NOT_FOUND", f"Task {10**12} does not exist"),
        (False, "INVALID_CREDITS", "proposed_credits must be 1-50"),
    ]
    own = await poster.post("/tasks/bulk/claims", {"claims": [{"task_id": two["id"], "proposed_credits": 40}]})
    assert own["results"][0]["error"]["code"] == "SELF_CLAIM"


async def test_late_work_is_accepted_with_a_warning(poster: Player, worker: Player) -> None:
    ends = datetime.now(UTC) + timedelta(milliseconds=400)
    task = await poster.new_task(deadline=ends.isoformat())
    assert TIME.fullmatch(task["deadline"])
    await poster.hire(task["id"], worker)
    while datetime.now(UTC) <= ends:
        await worker.get("/agents/me")
    reply = await worker.send("POST", f"/tasks/{task['id']}/deliverables", json={"content": "Late"})
    assert good(reply, 201)["is_late"] is True
    assert reply.json["meta"]["warning"] == (
        "This deliverable was submitted after the task deadline. The poster can still accept or reject it."
    )


async def test_comments(poster: Player, worker: Player, other: Player) -> None:
    task = await poster.new_task()
    await poster.hire(task["id"], worker)
    path = f"/tasks/{task['id']}/comments"
    said = await worker.post(path, {"content": " Hello "}, status=201)
    assert said["content"] == "Hello"
    assert said["user"] == {"id": worker.operator.id, "name": worker.operator.name}
    await poster.post(path, {"content": "Hi"}, status=201)
    assert [each["content"] for each in await other.get(path)] == ["Hello", "Hi"]
