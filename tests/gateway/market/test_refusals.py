"""Every documented refusal, word for word."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.gateway.market.players import DESCRIPTION, Player, new_player, refused
from tests.gateway.site import Site

NONE = 10**12
_OPEN = "Browse open tasks with GET /api/v1/tasks?status=open"
_OWN = "Agents cannot claim tasks posted by their own operator. Browse other tasks with GET /api/v1/tasks?status=open"
_NEW: dict[str, Any] = {"title": "A new task", "description": DESCRIPTION, "budget_credits": 100}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", "/cancel"),
        ("POST", "/rollback"),
        ("GET", "/claims"),
        ("POST", "/claims"),
        ("POST", "/claims/1/accept"),
        ("POST", "/claims/1/reject"),
        ("POST", "/claims/1/withdraw"),
        ("GET", "/deliverables"),
        ("POST", "/deliverables"),
        ("POST", "/deliverables-github"),
        ("GET", "/deploy-status"),
        ("POST", "/sync-github"),
        ("POST", "/deliverables/1/accept"),
        ("POST", "/deliverables/1/revision"),
        ("POST", "/deliverables/1/reject"),
        ("POST", "/rating"),
        ("GET", "/comments"),
        ("POST", "/comments"),
        ("GET", "/review-config"),
        ("POST", "/reviews"),
        ("GET", "/events"),
    ],
)
async def test_tasks_that_are_none(worker: Player, method: str, path: str) -> None:
    # The body is wrong as well: that the task does not exist is said first.
    options = {"json": {"content": 5}} if method == "POST" else {}
    said = refused(await worker.send(method, f"/tasks/{NONE}{path}", **options), 404, "TASK_NOT_FOUND")
    assert said == (f"Task {NONE} does not exist", "Use GET /api/v1/tasks to browse available tasks")


async def test_posting(poster: Player, site: Site) -> None:
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    said = refused(await poster.send("POST", "/tasks", json={**_NEW, "deadline": past}), 422, "INVALID_DEADLINE")
    assert said[0] == "Deadline must be in the future"
    assert said[1].startswith("Use a future ISO 8601 date, e.g. ")
    said = refused(await poster.send("POST", "/tasks", json={**_NEW, "category_id": 99}), 404, "CATEGORY_NOT_FOUND")
    assert said[0] == "Category 99 does not exist"
    assert said[1].startswith("Omit category_id to post without a category, ")
    poor = await new_player(site, "poor", balance=7)
    balance = (await poor.get("/agents/me/credits"))["credit_balance"]
    said = refused(
        await poor.send("POST", "/tasks", json={**_NEW, "budget_credits": 5000}), 422, "INSUFFICIENT_CREDITS"
    )
    assert said == (
        f"Insufficient credits. Balance: {balance}, required: 5000",
        "Top up credits on the dashboard or reduce budget_credits to fit your balance",
    )


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "MISSING_LLM_PROVIDER", "poster_llm_provider"),
        ({"poster_llm_provider": "openai"}, "MISSING_LLM_KEY", "poster_llm_key"),
    ],
)
async def test_automatic_review_needs_a_key(poster: Player, body: dict[str, str], code: str, field: str) -> None:
    given = {**_NEW, "auto_review_enabled": True, **body}
    said = refused(await poster.send("POST", "/tasks", json=given), 422, code)
    assert said[0] == f"{field} is required when auto_review_enabled is true"


@pytest.fixture(scope="module")
async def open_task(poster: Player) -> Any:
    return await poster.new_task()


@pytest.fixture(scope="module")
async def done(poster: Player, worker: Player) -> Any:
    """A task that is completed, with its claim and its deliverable."""
    task = await poster.new_task(max_revisions=0)
    hired = await poster.hire(task["id"], worker)
    delivered = await worker.deliver(task["id"])
    await poster.post(f"/tasks/{task['id']}/deliverables/{delivered['id']}/accept")
    return {"id": task["id"], "claim": hired["claim_id"], "deliverable": delivered["id"]}


async def test_only_the_poster(open_task: Any, worker: Player, done: Any) -> None:
    path = f"/tasks/{open_task['id']}"
    said = [
        refused(await worker.send("POST", f"{path}{end}"), 403, "FORBIDDEN")[0]
        for end in ("/cancel", "/rollback", f"/claims/{NONE}/accept", f"/claims/{NONE}/reject")
    ]
    assert said == [
        "Only the task poster can cancel tasks",
        "Only the task poster can roll back tasks",
        "Only the task poster can accept claims",
        "Only the task poster can reject claims",
    ]
    path = f"/tasks/{done['id']}/deliverables/{done['deliverable']}"
    said = [
        refused(await worker.send("POST", f"{path}{end}", json={"revision_notes": "x"}), 403, "FORBIDDEN")[0]
        for end in ("/accept", "/revision", "/reject")
    ]
    assert said == [
        "Only the task poster or reviewer agent can accept deliverables",
        "Only the task poster or reviewer agent can request revisions",
        "Only the task poster or reviewer agent can reject deliverables",
    ]
    rating = await worker.send("POST", f"/tasks/{done['id']}/rating", json={"rating": 1})
    assert refused(rating, 403, "FORBIDDEN")[0].startswith("Only the task poster can")


async def test_a_task_in_another_status(done: Any, open_task: Any, poster: Player) -> None:
    said = refused(await poster.send("POST", f"/tasks/{done['id']}/cancel"), 409, "INVALID_STATUS")
    assert said[0] == "Cannot cancel task in 'completed' status"
    said = refused(await poster.send("POST", f"/tasks/{open_task['id']}/rollback"), 409, "INVALID_STATUS")
    assert said == (
        "Cannot roll back task in 'open' status",
        "Only claimed or in_progress tasks can be rolled back. Use POST /api/v1/tasks/:id/cancel for open tasks",
    )
    said = refused(
        await poster.send("POST", f"/tasks/{open_task['id']}/rating", json={"rating": 1}), 409, "INVALID_STATUS"
    )


async def test_claiming(open_task: Any, done: Any, poster: Player, worker: Player, other: Player) -> None:
    task = open_task["id"]
    path = f"/tasks/{task}/claims"
    # Before the body is looked at.
    for body in ({"proposed_credits": 10}, {}):
        said = refused(await poster.send("POST", path, json=body), 409, "SELF_CLAIM")
        assert said == (f"You cannot claim your own task (task {task})", _OWN)
        said = refused(await other.send("POST", f"/tasks/{done['id']}/claims", json=body), 409, "TASK_NOT_OPEN")
        assert said[0] == f"Task {done['id']} is not open (current status: completed)"
        assert said[1] == f"This task has been completed. {_OPEN}"
    said = refused(await other.send("POST", path, json={"proposed_credits": 101}), 422, "INVALID_CREDITS")
    assert said == (
        "proposed_credits (101) exceeds task budget (100)",
        "Set proposed_credits to a value between 1 and 100 (the task budget)",
    )
    await worker.claim(task)
    said = refused(await worker.send("POST", path, json={"proposed_credits": 10}), 409, "DUPLICATE_CLAIM")
    assert said[0] == f"You already have a pending claim on task {task}"
    assert said[1].startswith("Withdraw the existing claim first with POST ")
    assert ", or wait " in said[1]


async def test_deciding_on_claims(done: Any, open_task: Any, poster: Player, worker: Player, other: Player) -> None:
    task, claim = done["id"], done["claim"]
    said = refused(await poster.send("POST", f"/tasks/{task}/claims/{claim}/accept"), 409, "TASK_NOT_OPEN")
    assert said[0] == f"Task {task} is not open (current status: completed)"
    said = refused(await poster.send("POST", f"/tasks/{open_task['id']}/claims/{claim}/accept"), 404, "CLAIM_NOT_FOUND")
    assert said[0] == f"Claim {claim} not found on task {open_task['id']}"
    said = refused(await poster.send("POST", f"/tasks/{task}/claims/{claim}/reject"), 409, "INVALID_STATUS")
    assert said[0] == "Claim is already accepted"
    said = refused(await other.send("POST", f"/tasks/{task}/claims/{claim}/withdraw"), 403, "FORBIDDEN")
    assert said[0] == "You can only withdraw your own claims"
    said = refused(await worker.send("POST", f"/tasks/{task}/claims/{claim}/withdraw"), 409, "INVALID_STATUS")
    assert said[0] == "Cannot withdraw claim in 'accepted' status"


async def test_delivering(done: Any, poster: Player, worker: Player, other: Player) -> None:
    # Before the body is looked at.
    for body in ({"content": "x"}, {}):
        said = refused(
            await other.send("POST", f"/tasks/{done['id']}/deliverables", json=body), 403, "NOT_CLAIMED_BY_YOU"
        )
        assert said[0] == f"Task {done['id']} is not claimed by your agent"
        said = refused(await worker.send("POST", f"/tasks/{done['id']}/deliverables", json=body), 409, "INVALID_STATUS")
        assert said[0] == f"Task {done['id']} is not in a deliverable state (status: completed)"
    task = await poster.new_task()
    await poster.hire(task["id"], worker)
    await worker.deliver(task["id"])
    path = f"/tasks/{task['id']}/deliverables"
    said = refused(await worker.send("POST", path, json={"content": "again"}), 409, "DELIVERY_PENDING")
    assert said[0] == "A deliverable is already submitted and awaiting review"


async def test_judging(done: Any, poster: Player, worker: Player) -> None:
    path = f"/tasks/{done['id']}/deliverables/{done['deliverable']}"
    said = refused(await poster.send("POST", f"{path}/accept"), 409, "INVALID_STATUS")
    assert said[0] == "Task is not in delivered state (status: completed)"
    task = await poster.new_task(max_revisions=1)
    await poster.hire(task["id"], worker)
    first = await worker.deliver(task["id"])
    path = f"/tasks/{task['id']}/deliverables"
    said = refused(await poster.send("POST", f"{path}/{NONE}/accept"), 404, "DELIVERABLE_NOT_FOUND")
    assert said[0] == f"Deliverable {NONE} not found"
    refused(await poster.send("POST", f"{path}/{first['id']}/reject", json={}), 409, "INVALID_STATUS")
    await poster.post(f"{path}/{first['id']}/revision", {"revision_notes": "More"})
    second = await worker.deliver(task["id"])
    said = refused(await poster.send("POST", f"{path}/{first['id']}/accept"), 409, "INVALID_STATUS")
    assert said[0] == "Deliverable is revision_requested"
    said = refused(
        await poster.send("POST", f"{path}/{second['id']}/revision", json={"revision_notes": "x"}),
        409,
        "MAX_REVISIONS",
    )
    assert said[0] == "Max revisions exhausted (2 of 2 deliveries used)"
    # That goes before what is wrong with the body, as everything does that is said without one.
    for body in ({}, {"revision_notes": " "}, {"revision_notes": 7}, {"revision_notes": "x" * 5001}):
        again = await poster.send("POST", f"{path}/{second['id']}/revision", json=body)
        refused(again, 409, "MAX_REVISIONS")
        refused(await worker.send("POST", f"{path}/{second['id']}/revision", json=body), 403, "FORBIDDEN")
        refused(await poster.send("POST", f"{path}/{NONE}/revision", json=body), 404, "DELIVERABLE_NOT_FOUND")
        refused(await poster.send("POST", f"{path}/{first['id']}/revision", json=body), 409, "INVALID_STATUS")
    # Refused for good: it needs no body.
    disputed = await poster.post(f"{path}/{second['id']}/reject")
    assert disputed["status"] == "disputed"


async def test_commenting(open_task: Any, other: Player) -> None:
    reply = await other.send("POST", f"/tasks/{open_task['id']}/comments", json={"content": "Hi"})
    assert refused(reply, 403, "FORBIDDEN")[0] == "Only the poster or assigned agent can comment"


async def test_rating_twice(done: Any, poster: Player) -> None:
    await poster.post(f"/tasks/{done['id']}/rating", {"rating": 4}, status=201)
    refused(await poster.send("POST", f"/tasks/{done['id']}/rating", json={"rating": 4}), 409, "RATING_EXISTS")


async def test_reviewing(done: Any, poster: Player, other: Player) -> None:
    message = "Only the task poster's agent, claimed agent, or reviewer agent can access review config"
    path = f"/tasks/{done['id']}"
    assert refused(await other.send("GET", f"{path}/review-config"), 403, "FORBIDDEN")[0] == message
    body = {"deliverable_id": done["deliverable"], "verdict": "pass"}
    refused(await other.send("POST", f"{path}/reviews", json=body), 403, "FORBIDDEN")
    said = refused(
        await poster.send("POST", f"{path}/reviews", json={**body, "deliverable_id": NONE}),
        404,
        "DELIVERABLE_NOT_FOUND",
    )
    assert said[0] == f"Deliverable {NONE} not found"
    await poster.post(f"{path}/reviews", body, status=201)
    refused(await poster.send("POST", f"{path}/reviews", json=body), 409, "REVIEW_EXISTS")


async def test_repositories(done: Any, poster: Player, worker: Player) -> None:
    refused(await poster.send("GET", f"/tasks/{done['id']}/deploy-status"), 404, "NO_GITHUB_DELIVERY")
    refused(await worker.send("POST", f"/tasks/{done['id']}/sync-github"), 404, "NO_GITHUB_DELIVERY")
    task = await poster.new_task()
    refused(await poster.send("GET", f"/tasks/{task['id']}/deploy-status"), 404, "NO_DELIVERABLE")
    await poster.hire(task["id"], worker)
    path = f"/tasks/{task['id']}/deliverables-github"
    for url in ("https://example.com/a/b", "nonsense", "https://github.com/"):
        said = refused(await worker.send("POST", path, json={"repo_url": url}), 422, "INVALID_GITHUB_URL")
        assert said[0] == "Invalid GitHub URL format"
