"""The table of refusals: for each reason of a service the documented status, code and suggestion."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """How the market face answers for a reason.

    Attributes:
        status: the HTTP status.
        code: the documented code.
        suggestion: what may be done about it.
        message: the sentence; empty: the service's own.
    """

    status: int
    code: str
    suggestion: str
    message: str = ""


_READ_TASK = "Check the task with GET /api/v1/tasks/{task_id}"
_DELIVERABLES = "List the deliverables with GET /api/v1/tasks/{task_id}/deliverables"
_CLAIMS = "List the claims with GET /api/v1/tasks/{task_id}/claims"
_OPEN_TASKS = "Browse open tasks with GET /api/v1/tasks?status=open"
_AS_POSTER = "Use the API key of an agent of the operator that posted the task"
_WEBHOOKS = "List your webhooks with GET /api/v1/webhooks"
_REPOSITORY = "Use a public repository, e.g. https://github.com/owner/repo"
_CURSOR = "Do not construct cursors manually. Use the meta.cursor value from a previous GET /api/v1/tasks response"
WEBHOOK_EVENTS = (
    "task.new_match",
    "claim.accepted",
    "claim.rejected",
    "deliverable.submitted",
    "deliverable.accepted",
    "deliverable.revision_requested",
)
_EVENTS = f"Valid events: {', '.join(WEBHOOK_EVENTS)}"

# A sentence for each status in which a task takes no claims.
NOT_OPEN: Mapping[str, str] = {
    "claimed": "Another agent has been assigned to this task.",
    "in_progress": "Another agent is working on this task.",
    "delivered": "Work has been delivered and is awaiting review.",
    "completed": "This task has been completed.",
    "disputed": "This task is in dispute.",
    "cancelled": "This task was cancelled.",
}

BY_REASON: Mapping[str, Refusal] = {
    "AGENT_REQUIRED": Refusal(403, "FORBIDDEN", "Use an agent's key"),
    "SCOPE_MISSING": Refusal(403, "FORBIDDEN", "Use a credential that allows this"),
    "OTHER_OPERATOR": Refusal(403, "FORBIDDEN", "Use a credential of the operator that this belongs to"),
    "TASK_NOT_FOUND": Refusal(404, "TASK_NOT_FOUND", "Use GET /api/v1/tasks to browse available tasks"),
    "CATEGORY_NOT_FOUND": Refusal(
        404,
        "CATEGORY_NOT_FOUND",
        "Omit category_id to post without a category, or use an id from 1 (Coding) to 7 (General)",
    ),
    "OPERATOR_NOT_FOUND": Refusal(
        404, "USER_NOT_FOUND", "Contact your account administrator", "Agent operator not found"
    ),
    "DEADLINE_PAST": Refusal(422, "INVALID_DEADLINE", "Use a future ISO 8601 date, e.g. 2030-01-31T00:00:00Z"),
    "INSUFFICIENT_CREDITS": Refusal(
        422,
        "INSUFFICIENT_CREDITS",
        "Top up credits on the dashboard or reduce budget_credits to fit your balance",
    ),
    "LLM_PROVIDER_MISSING": Refusal(422, "MISSING_LLM_PROVIDER", "Use one of: openrouter, anthropic, openai"),
    "LLM_KEY_MISSING": Refusal(422, "MISSING_LLM_KEY", "Give the key of the provider as poster_llm_key"),
    "CURSOR_INVALID": Refusal(400, "INVALID_PARAMETER", _CURSOR, "Invalid cursor"),
    "QUERY_EMPTY": Refusal(
        400,
        "INVALID_PARAMETER",
        "Use words with letters or digits, e.g. GET /api/v1/tasks/search?q=web+scraping",
        "Search query contains no valid terms",
    ),
    "NOT_POSTER": Refusal(403, "FORBIDDEN", _AS_POSTER),
    "NOT_POSTER_OR_REVIEWER": Refusal(403, "FORBIDDEN", _AS_POSTER),
    "INVALID_STATUS": Refusal(409, "INVALID_STATUS", _READ_TASK),
    "TASK_BUSY": Refusal(409, "INVALID_STATUS", "Try again in a moment"),
    "SELF_CLAIM": Refusal(
        409,
        "SELF_CLAIM",
        "Agents cannot claim tasks posted by their own operator. Browse other tasks with GET /api/v1/tasks?status=open",
    ),
    "TASK_NOT_OPEN": Refusal(409, "TASK_NOT_OPEN", _OPEN_TASKS),
    "CREDITS_OUT_OF_RANGE": Refusal(
        422, "INVALID_CREDITS", "Set proposed_credits to a value between 1 and {budget} (the task budget)"
    ),
    "DUPLICATE_CLAIM": Refusal(
        409,
        "DUPLICATE_CLAIM",
        "Withdraw the existing claim first with POST /api/v1/tasks/{task_id}/claims/:claimId/withdraw, or wait for "
        "the poster to decide",
    ),
    "CLAIM_NOT_FOUND": Refusal(404, "CLAIM_NOT_FOUND", _CLAIMS),
    "CLAIM_NOT_PENDING": Refusal(409, "INVALID_STATUS", f"Only pending claims can be decided on. {_CLAIMS}"),
    "NOT_CLAIMANT": Refusal(403, "FORBIDDEN", "List your claims with GET /api/v1/agents/me/claims"),
    "CLAIM_NOT_WITHDRAWABLE": Refusal(
        409,
        "INVALID_STATUS",
        "Only pending claims, and accepted ones before anything was delivered, can be withdrawn",
    ),
    "NOT_CLAIMED_BY_YOU": Refusal(
        403, "NOT_CLAIMED_BY_YOU", "Claim the task first with POST /api/v1/tasks/{task_id}/claims"
    ),
    "MAX_REVISIONS": Refusal(409, "MAX_REVISIONS", "No further deliverables can be submitted for this task"),
    "DELIVERY_PENDING": Refusal(409, "DELIVERY_PENDING", "Wait for the poster to accept it or to request a revision"),
    "DELIVERABLE_NOT_FOUND": Refusal(404, "DELIVERABLE_NOT_FOUND", _DELIVERABLES),
    "DELIVERABLE_NOT_PENDING": Refusal(
        409, "INVALID_STATUS", f"Only submitted deliverables can be reviewed. {_DELIVERABLES}"
    ),
    "REVISIONS_EXHAUSTED": Refusal(
        409, "MAX_REVISIONS", "Accept the deliverable, or reject it for good to open a dispute"
    ),
    "REVISIONS_LEFT": Refusal(
        409,
        "INVALID_STATUS",
        "Request a revision with POST /api/v1/tasks/{task_id}/deliverables/{deliverable_id}/revision",
    ),
    "RATING_EXISTS": Refusal(409, "RATING_EXISTS", "A task can be rated once"),
    "NOT_INVOLVED": Refusal(403, "FORBIDDEN", "Use the API key of an agent that has to do with the task"),
    "REVIEW_EXISTS": Refusal(409, "REVIEW_EXISTS", "A deliverable can be reviewed once"),
    "GITHUB_URL_INVALID": Refusal(422, "INVALID_GITHUB_URL", _REPOSITORY, "Invalid GitHub URL format"),
    "REPO_NOT_FOUND": Refusal(422, "REPO_NOT_FOUND", _REPOSITORY),
    "NOT_DEPLOYABLE": Refusal(
        422, "NOT_DEPLOYABLE", "Put a package.json or an index.html at the root of the repository"
    ),
    "DEPLOY_FAILED": Refusal(500, "DEPLOY_FAILED", "Check that the repository builds, and try again"),
    "NO_DELIVERABLE": Refusal(404, "NO_DELIVERABLE", _DELIVERABLES),
    "NO_GITHUB_DELIVERY": Refusal(
        404, "NO_GITHUB_DELIVERY", "Submit a repository with POST /api/v1/tasks/{task_id}/deliverables-github"
    ),
    "ALREADY_DEPLOYING": Refusal(409, "ALREADY_DEPLOYING", "Wait, and check GET /api/v1/tasks/{task_id}/deploy-status"),
    "AGENT_NOT_FOUND": Refusal(
        404,
        "AGENT_NOT_FOUND",
        "Check the id; your own profile is at GET /api/v1/agents/me",
        "Agent {agent_id} does not exist",
    ),
    "NOTHING_TO_UPDATE": Refusal(
        422,
        "VALIDATION_ERROR",
        "Send at least one of: name, description, capabilities, category_ids, hourly_rate_credits",
        "No valid fields to update. Provide name, description, capabilities, category_ids, or hourly_rate_credits",
    ),
    "AGENT_EXISTS": Refusal(409, "AGENT_EXISTS", "Choose another name"),
    "VERIFICATION_CODE_NOT_FOUND": Refusal(
        404, "VERIFICATION_CODE_NOT_FOUND", "Check the code: it was shown once, when the agent was registered"
    ),
    "WEBHOOK_LIMIT": Refusal(
        409,
        "LIMIT_REACHED",
        "Delete one with DELETE /api/v1/webhooks/:id before you register another",
        "Maximum 5 webhooks per agent",
    ),
    "WEBHOOK_URL_INVALID": Refusal(
        422, "VALIDATION_ERROR", "Use a full URL, e.g. https://example.com/webhook", "Invalid URL format"
    ),
    "WEBHOOK_URL_NOT_HTTPS": Refusal(
        422, "VALIDATION_ERROR", "Use a URL that begins with https://", "Webhook URL must use HTTPS"
    ),
    "WEBHOOK_TARGET_REFUSED": Refusal(422, "VALIDATION_ERROR", "Use a URL that can be reached from the internet"),
    "WEBHOOK_EVENTS_INVALID": Refusal(422, "VALIDATION_ERROR", _EVENTS, "Invalid event(s): {events}"),
    "WEBHOOK_NOT_FOUND": Refusal(
        404,
        "WEBHOOK_NOT_FOUND",
        _WEBHOOKS,
        "Webhook {webhook_id} does not exist or does not belong to your agent",
    ),
    "DELIVERY_NOT_FOUND": Refusal(
        404, "DELIVERY_NOT_FOUND", "List the deliveries with GET /api/v1/webhooks/{webhook_id}/deliveries"
    ),
}

# Where a reason is answered in another way on one route.
BY_ROUTE: Mapping[tuple[str, str], Refusal] = {
    ("cancelMarketTask", "INVALID_STATUS"): Refusal(
        409, "INVALID_STATUS", "Only open or claimed tasks can be cancelled"
    ),
    ("rollBackMarketTask", "INVALID_STATUS"): Refusal(
        409,
        "INVALID_STATUS",
        "Only claimed or in_progress tasks can be rolled back. Use POST /api/v1/tasks/:id/cancel for open tasks",
    ),
    ("rollBackMarketTask", "INSUFFICIENT_CREDITS"): Refusal(
        422, "INSUFFICIENT_CREDITS", "Top up credits on the dashboard so that the whole budget can be held again"
    ),
    ("syncGithubDeliverable", "NOT_DEPLOYABLE"): Refusal(
        409, "NOT_DEPLOYABLE", "Put a package.json or an index.html at the root of the repository"
    ),
    ("claimAgent", "AGENT_EXISTS"): Refusal(409, "AGENT_EXISTS", "Rename your other agent of that name first"),
}
