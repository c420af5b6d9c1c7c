"""What breaks a rule, in the words of the market face: one sentence about the first thing that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from gateway.errors import Detail, Failure
from gateway.faces.market.errors import failed
from gateway.faces.market.refusals import WEBHOOK_EVENTS

if TYPE_CHECKING:
    from gateway.routing import Route

_TYPES = (
    "must be a string",
    "must be a number",
    "must be an integer",
    "must be a boolean",
    "must be of type object",
    "must be a safe number",
)
_AMOUNTS = ("budget_credits", "proposed_credits")  # their rules only tell how small they may be
_TOO_LARGE = "must be less than"
_NEW_TASK = (
    "Required: title (5-200 chars), description (20-5000 chars), budget_credits (integer). Optional: category_id "
    "(integer), requirements (max 5000 chars), deadline (ISO 8601), max_revisions (0-5, default 2)"
)
_CLAIM = "Required: proposed_credits (integer, 1 to the task budget). Optional: message (max 1000 chars)"
_DELIVERABLE = "Required: content (1-50000 chars)"
_GITHUB = "Required: repo_url (e.g. https://github.com/owner/repo). Optional: branch, env_vars (object of strings)"
_VERDICT = "verdict must be 'pass', 'fail', or 'skipped'"
_EVENTS_NEEDED = "events must be a non-empty array"
_VALID_EVENTS = f"Valid events: {', '.join(WEBHOOK_EVENTS)}"

# What is suggested for a body that breaks a rule.
_SUGGESTIONS: Mapping[str, str] = {
    "postTask": _NEW_TASK,
    "createClaim": _CLAIM,
    "createClaims": "Required: claims (array of 1-10 objects with task_id, proposed_credits and, optionally, message)",
    "submitDeliverable": _DELIVERABLE,
    "submitGithubDeliverable": _GITHUB,
    "requestRevision": "Required: revision_notes (what is to be better, max 5000 chars)",
    "rejectDeliverable": "Optional: reason (max 5000 chars)",
    "rateTask": "Required: rating (1-5). Optional: quality (1-5), speed (1-5), comment (max 2000 chars)",
    "createComment": "Send a comment of 1 to 2000 characters as content",
    "createReview": "Required: deliverable_id (integer), verdict ('pass', 'fail' or 'skipped'). Optional: feedback, "
    "scores, key_source ('poster', 'freelancer' or 'none'), llm_model_used, reviewed_at",
    "updateOwnProfile": "Send at least one of: name, description, capabilities, category_ids, hourly_rate_credits",
    "setLlmKey": "Required: provider (openrouter, anthropic or openai), key",
    "claimAgent": "Required: verification_code (as the agent got it when it registered)",
    "createWebhook": "Required: url (https://...), events (array)",
    "replayDeliveries": "Send delivery_ids (array of ids), or from and to (ISO 8601)",
}

# What is said when a field breaks its rule; a field that is missing, or of the wrong type, has a sentence of its own.
_RULES: Mapping[tuple[str, str], str] = {
    ("postTask", "title"): "Title must be 5–200 characters",  # noqa: RUF001 - as documented
    ("postTask", "description"): "Description must be 20–5000 characters",  # noqa: RUF001 - as documented
    ("postTask", "budget_credits"): "Budget must be at least 10 credits",
    ("postTask", "requirements"): "Requirements must be 5000 characters or fewer",
    ("postTask", "max_revisions"): "Max revisions must be 0–5",  # noqa: RUF001 - as documented
    ("postTask", "poster_llm_provider"): "poster_llm_provider must be openrouter, anthropic or openai",
    ("createClaim", "proposed_credits"): "proposed_credits must be at least 1",
    ("createClaim", "message"): "message must be 1000 characters or fewer",
    ("createClaims", "claims"): "Maximum 10 claims per bulk request",
    ("createClaims", "proposed_credits"): "proposed_credits must be at least 1",
    ("createClaims", "message"): "message must be 1000 characters or fewer",
    ("submitDeliverable", "content"): "content must be 1-50000 characters",
    ("requestRevision", "revision_notes"): "revision_notes must be 5000 characters or fewer",
    ("createReview", "verdict"): _VERDICT,
    ("createReview", "key_source"): "key_source must be 'poster', 'freelancer', or 'none'",
    ("updateOwnProfile", "name"): "name must be 1-50 letters, digits, hyphens or underscores",
    ("setLlmKey", "provider"): "provider must be openrouter, anthropic or openai",
    ("createWebhook", "events"): _EVENTS_NEEDED,
    ("createWebhook", "url"): "Invalid URL format",
}
_MISSING: Mapping[tuple[str, str], str] = {
    ("createClaims", "claims"): "claims array is required",
    ("createReview", "verdict"): _VERDICT,
    ("createWebhook", "events"): _EVENTS_NEEDED,
}
_BLANK, _TOO_SHORT = " is not allowed to be empty", "at least 1 characters long"

# Path and query: the message and the suggestion.
_PARAMETERS: Mapping[str, tuple[str, str]] = {
    "sort": ("Invalid sort value: '{value}'", "Valid sort values: newest, oldest, budget_high, budget_low"),
    "limit": (
        "limit must be between 1 and 100",
        "Omit the limit parameter to use the default (20), or set ?limit=50 for larger pages",
    ),
    "cursor": (
        "Invalid cursor",
        "Do not construct cursors manually. Use the meta.cursor value from a previous GET /api/v1/tasks response",
    ),
    "status": (
        "Invalid query parameter value",
        "Valid status values: open, claimed, in_progress, delivered, completed, disputed, cancelled",
    ),
    "category": ("Invalid query parameter value", "category must be the id of a category, from 1"),
    "min_budget": ("Invalid query parameter value", "min_budget must be a whole number of credits"),
    "max_budget": ("Invalid query parameter value", "max_budget must be a whole number of credits"),
    "taskId": ("Invalid task ID", "Task ID must be a positive integer"),
    "claimId": ("Invalid claim ID", "Claim ID must be a positive integer"),
    "deliverableId": ("Invalid deliverable ID", "Deliverable ID must be a positive integer"),
    "agentId": ("Invalid agent ID", "Agent ID must be a positive integer"),
    "webhookId": ("Invalid webhook ID", "Webhook ID must be a positive integer"),
}
_ADD_QUERY = "Add a search query, e.g. GET /api/v1/tasks/search?q=web+scraping"


def invalid(details: Sequence[Detail], route: Route) -> Failure:
    """Return the failure of a request of `route` that breaks rules."""
    first = min(details, key=lambda detail: _place(route, detail.field))
    if first.field in route.parameters or first.field in _names(route.query):
        return _bad_parameter(first, route)
    suggestion = _SUGGESTIONS.get(route.name, "See the documentation at /api/docs")
    if route.name == "createComment":
        return failed(400, "INVALID_PARAMETER", "Comment must be 1-2000 characters", suggestion)
    message = sentence(first, route.name)
    if message.startswith("Invalid event"):
        suggestion = _VALID_EVENTS
    return failed(422, "VALIDATION_ERROR", message, suggestion)


def sentence(detail: Detail, route: str) -> str:
    """Return the sentence about a field of a body."""
    leaf = (route, detail.field.rpartition(".")[2])
    said = detail.message
    if said.endswith(" is required"):
        return _MISSING.get(leaf, f"{detail.field} is required")
    if said.endswith(_BLANK) and leaf not in _RULES:
        return f"{detail.field} is required"
    if route == "requestRevision" and said.endswith((_BLANK, _TOO_SHORT)):
        return "revision_notes is required"
    if said.endswith("must be an array") or (route == "createClaims" and "must contain at least" in said):
        return _MISSING.get(leaf, f"{detail.field} must be an array")
    if said.endswith(_TYPES) or leaf not in _RULES or (leaf[1] in _AMOUNTS and _TOO_LARGE in said):
        return said.replace('"', "")
    return _RULES[leaf]


def _bad_parameter(detail: Detail, route: Route) -> Failure:
    value = "" if detail.value in (None, msgspec.UNSET) else detail.value
    if detail.field == "q":
        message = "Search query must be 200 characters or fewer" if str(value).strip() else "Search query is required"
        return failed(400, "INVALID_PARAMETER", message, _ADD_QUERY)
    if detail.field == "status" and route.name != "browseTasks" and route.name != "searchTasks":
        return failed(400, "INVALID_PARAMETER", "Invalid query parameter value", detail.message.replace('"', ""))
    message, suggestion = _PARAMETERS.get(
        detail.field, ("Invalid query parameter value", detail.message.replace('"', ""))
    )
    return failed(400, "INVALID_PARAMETER", message.format(value=value), suggestion)


def _place(route: Route, field: str) -> int:
    """Return where a field stands in the documentation: the first of several is told."""
    names = (*route.parameters, *_names(route.query), *_names(route.body))
    head = field.partition(".")[0].partition("[")[0]
    return names.index(head) if head in names else len(names)


@lru_cache(maxsize=256)
def _names(struct: type[msgspec.Struct] | None) -> tuple[str, ...]:
    return () if struct is None else tuple(field.encode_name for field in msgspec.structs.fields(struct))
