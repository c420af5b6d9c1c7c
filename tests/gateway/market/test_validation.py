"""What breaks a rule, in the documented words; the first thing that is wrong is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.market.players import DESCRIPTION, Player, good, refused

_NEW: dict[str, Any] = {"title": "A new task", "description": DESCRIPTION, "budget_credits": 100}
_REQUIRED = "Required: title (5-200 chars), description (20-5000 chars), budget_credits (integer). Optional: "
_CURSOR = "Do not construct cursors manually. Use the meta.cursor value from a previous GET /api/v1/tasks response"
_SORTS = "Valid sort values: newest, oldest, budget_high, budget_low"
_LIMIT = "Omit the limit parameter to use the default (20), or set ?limit=50 for larger pages"
_TITLE = "Title must be 5–200 characters"  # noqa: RUF001 - as documented
_DESCRIPTION = "Description must be 20–5000 characters"  # noqa: RUF001 - as documented
_REVISIONS = "Max revisions must be 0–5"  # noqa: RUF001 - as documented


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"title": "abcd"}, _TITLE),
        ({"title": "x" * 201}, _TITLE),
        ({"title": ""}, _TITLE),
        ({"title": "   abcd   "}, _TITLE),
        ({"title": 5}, "title must be a string"),
        ({"title": None}, "title must be a string"),
        ({"description": "x" * 19}, _DESCRIPTION),
        ({"description": "x" * 5001}, _DESCRIPTION),
        ({"budget_credits": 9}, "Budget must be at least 10 credits"),
        ({"budget_credits": -1}, "Budget must be at least 10 credits"),
        ({"budget_credits": 1_000_000_001}, "budget_credits must be less than or equal to 1000000000"),
        ({"budget_credits": 10**30}, "budget_credits must be less than or equal to 1000000000"),
        ({"budget_credits": 10.5}, "budget_credits must be an integer"),
        ({"budget_credits": "100"}, "budget_credits must be a number"),
        ({"max_revisions": 6}, _REVISIONS),
        ({"max_revisions": -1}, _REVISIONS),
        ({"requirements": "x" * 5001}, "Requirements must be 5000 characters or fewer"),
        ({"category_id": 0}, "category_id must be greater than or equal to 1"),
        ({"deadline": "tomorrow"}, "deadline must be an ISO 8601 date"),
        ({"poster_llm_provider": "me"}, "poster_llm_provider must be openrouter, anthropic or openai"),
        ({"title": "abcd", "description": "x", "budget_credits": 1}, _TITLE),
        ({"budget_credits": 1, "max_revisions": 9}, "Budget must be at least 10 credits"),
    ],
)
async def test_new_tasks(poster: Player, change: dict[str, Any], message: str) -> None:
    said = refused(await poster.send("POST", "/tasks", json={**_NEW, **change}), 422, "VALIDATION_ERROR")
    assert said[0] == message
    assert said[1].startswith(_REQUIRED) or "deadline" in change


async def test_missing_fields(poster: Player) -> None:
    body = {name: value for name, value in _NEW.items() if name != "budget_credits"}
    said = refused(await poster.send("POST", "/tasks", json=body), 422, "VALIDATION_ERROR")
    assert said[0] == "budget_credits is required"
    assert refused(await poster.send("POST", "/tasks", json={}), 422, "VALIDATION_ERROR")[0] == "title is required"


async def test_what_is_accepted(poster: Player) -> None:
    body = {
        **_NEW,
        "title": "  A title with space around  ",
        "budget_credits": 100.0,
        "category_id": None,
        "requirements": None,
        "deadline": "2999-01-31",
        "max_revisions": 0,
        "unknown": {"ignored": True},
    }
    made = await poster.post("/tasks", body, status=201)
    assert made["title"] == "A title with space around"
    assert (made["deadline"], made["max_revisions"]) == ("2999-01-31T00:00:00.000Z", 0)
    assert (await poster.get(f"/tasks/{made['id']}"))["category"] is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "proposed_credits is required"),
        ({"proposed_credits": 0}, "proposed_credits must be at least 1"),
        ({"proposed_credits": -5}, "proposed_credits must be at least 1"),
        ({"proposed_credits": "5"}, "proposed_credits must be a number"),
        ({"proposed_credits": 5, "message": "x" * 1001}, "message must be 1000 characters or fewer"),
    ],
)
async def test_claims(poster: Player, worker: Player, body: dict[str, Any], message: str) -> None:
    task = await poster.new_task()
    said = refused(await worker.send("POST", f"/tasks/{task['id']}/claims", json=body), 422, "VALIDATION_ERROR")
    assert said[0] == message
    body = {"claims": [{"task_id": task["id"], "proposed_credits": 5}, {"task_id": task["id"], **body}]}
    said = refused(await worker.send("POST", "/tasks/bulk/claims", json=body), 422, "VALIDATION_ERROR")
    assert said[0].removeprefix("claims[1].") == message


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "claims array is required"),
        ({"claims": []}, "claims array is required"),
        ({"claims": "x"}, "claims array is required"),
        ({"claims": [{"task_id": 1, "proposed_credits": 5}] * 11}, "Maximum 10 claims per bulk request"),
    ],
)
async def test_several_claims(worker: Player, body: dict[str, Any], message: str) -> None:
    said = refused(await worker.send("POST", "/tasks/bulk/claims", json=body), 422, "VALIDATION_ERROR")
    assert said[0] == message


async def test_work(poster: Player, worker: Player) -> None:
    task = await poster.new_task()
    await poster.hire(task["id"], worker)
    path = f"/tasks/{task['id']}/deliverables"
    for body, message in (
        ({}, "content is required"),
        ({"content": "   "}, "content must be 1-50000 characters"),
        ({"content": "x" * 50_001}, "content must be 1-50000 characters"),
    ):
        assert refused(await worker.send("POST", path, json=body), 422, "VALIDATION_ERROR")[0] == message
    made = await worker.deliver(task["id"], "x" * 50_000)
    for body in ({}, {"revision_notes": ""}, {"revision_notes": "  "}):
        reply = await poster.send("POST", f"{path}/{made['id']}/revision", json=body)
        assert refused(reply, 422, "VALIDATION_ERROR")[0] == "revision_notes is required"


async def test_comments_and_reviews(poster: Player) -> None:
    task = await poster.new_task()
    for content in ("", "   ", "x" * 2001, 5):
        reply = await poster.send("POST", f"/tasks/{task['id']}/comments", json={"content": content})
        assert refused(reply, 400, "INVALID_PARAMETER")[0] == "Comment must be 1-2000 characters"
    for body in ({}, {"verdict": "maybe"}, {"verdict": 5}):
        reply = await poster.send("POST", f"/tasks/{task['id']}/reviews", json=body)
        assert refused(reply, 422, "VALIDATION_ERROR")[0] == "verdict must be 'pass', 'fail', or 'skipped'"


@pytest.mark.parametrize("body", [b"{", b"", b"\xff", b"[" * 100_000])
async def test_what_is_not_json(poster: Player, body: bytes) -> None:
    reply = await poster.send("POST", "/tasks", data=body, headers={"Content-Type": "application/json"})
    refused(reply, 422, "VALIDATION_ERROR")


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b'"x"'])
async def test_what_is_no_object(poster: Player, body: bytes) -> None:
    reply = await poster.send("POST", "/tasks", data=body, headers={"Content-Type": "application/json"})
    refused(reply, 422, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("path", "message", "suggestion"),
    [
        ("/tasks/abc", "Invalid task ID", "Task ID must be a positive integer"),
        ("/tasks/12abc", "Invalid task ID", "Task ID must be a positive integer"),
        ("/tasks/0", "Invalid task ID", "Task ID must be a positive integer"),
        ("/tasks/-1", "Invalid task ID", "Task ID must be a positive integer"),
        ("/tasks/1.5/claims", "Invalid task ID", "Task ID must be a positive integer"),
        ("/tasks/%00/comments", "Invalid task ID", "Task ID must be a positive integer"),
        ("/tasks/99999999999999999999/events", "Invalid task ID", "Task ID must be a positive integer"),
        ("/agents/x", "Invalid agent ID", "Agent ID must be a positive integer"),
        ("/webhooks/x", "Invalid webhook ID", "Webhook ID must be a positive integer"),
        (
            "/tasks?sort=best",
            "Invalid sort value: 'best'",
            "Valid sort values: newest, oldest, budget_high, budget_low",
        ),
        ("/tasks?limit=0", "limit must be between 1 and 100", _LIMIT),
        ("/tasks?limit=101", "limit must be between 1 and 100", _LIMIT),
        ("/tasks?limit=ten", "limit must be between 1 and 100", _LIMIT),
        ("/tasks?cursor=garbage", "Invalid cursor", _CURSOR),
        ("/tasks?cursor=" + "x" * 1025, "Invalid cursor", _CURSOR),
        ("/tasks/search?q=x&cursor=garbage", "Invalid cursor", _CURSOR),
        ("/tasks/search?q=x&limit=0", "limit must be between 1 and 100", _LIMIT),
        ("/tasks?status=done", "Invalid query parameter value", None),
        ("/tasks?category=x", "Invalid query parameter value", None),
        ("/tasks?min_budget=x", "Invalid query parameter value", None),
        ("/tasks?max_budget=1.5", "Invalid query parameter value", None),
        ("/tasks/search", "Search query is required", None),
        ("/tasks/search?q=", "Search query is required", None),
        ("/tasks/search?q=+++", "Search query is required", None),
        ("/tasks/search?q=" + "x" * 201, "Search query must be 200 characters or fewer", None),
        ("/tasks/search?q=%21%21", "Search query contains no valid terms", None),
        ("/agents/me/claims?status=open", "Invalid query parameter value", None),
    ],
)
async def test_paths_and_queries(worker: Player, path: str, message: str, suggestion: str | None) -> None:
    said = refused(await worker.send("GET", path), 400, "INVALID_PARAMETER")
    assert said[0] == message
    assert suggestion is None or said[1] == suggestion


async def test_unknown_parameters_are_ignored(worker: Player) -> None:
    good(await worker.send("GET", "/tasks?nonsense=1&limit=1"))
    good(await worker.send("GET", "/agents/me?x=1"))


async def test_paths_that_are_none(worker: Player) -> None:
    assert refused(await worker.send("GET", "/nothing"), 404, "NOT_FOUND")[0] == "There is no such endpoint"
    refused(await worker.send("PUT", "/tasks"), 405, "METHOD_NOT_ALLOWED")
    refused(await worker.send("GET", "/nothing", key=None), 401, "UNAUTHORIZED")
