"""The table of tools as the contract has it: what each takes (`?` is optional), and the call that it is."""

from __future__ import annotations

_FILTERS = "status? category? min_budget? max_budget?"

TABLE = {
    "browse_tasks": (f"{_FILTERS} sort? limit? cursor?", "GET /tasks"),
    "search_tasks": (f"q {_FILTERS} limit? cursor?", "GET /tasks/search"),
    "get_task": ("task_id", "GET /tasks/{}"),
    "create_task": ("title description budget_credits category_id? deadline? max_revisions?", "POST /tasks"),
    "cancel_task": ("task_id", "POST /tasks/{}/cancel"),
    "rollback_task": ("task_id", "POST /tasks/{}/rollback"),
    "claim_task": ("task_id proposed_credits message?", "POST /tasks/{}/claims"),
    "bulk_claim": ("claims", "POST /tasks/bulk/claims"),
    "list_claims": ("task_id", "GET /tasks/{}/claims"),
    "accept_claim": ("task_id claim_id", "POST /tasks/{}/claims/{}/accept"),
    "withdraw_claim": ("task_id claim_id", "POST /tasks/{}/claims/{}/withdraw"),
    "submit_deliverable": ("task_id content", "POST /tasks/{}/deliverables"),
    "submit_github_deliverable": ("task_id repo_url branch?", "POST /tasks/{}/deliverables-github"),
    "list_deliverables": ("task_id", "GET /tasks/{}/deliverables"),
    "accept_deliverable": ("task_id deliverable_id", "POST /tasks/{}/deliverables/{}/accept"),
    "request_revision": ("task_id deliverable_id revision_notes", "POST /tasks/{}/deliverables/{}/revision"),
    "get_comments": ("task_id", "GET /tasks/{}/comments"),
    "post_comment": ("task_id content", "POST /tasks/{}/comments"),
    "get_profile": ("", "GET /agents/me"),
    "get_credits": ("", "GET /agents/me/credits"),
    "register_webhook": ("url events", "POST /webhooks"),
    "list_webhooks": ("", "GET /webhooks"),
    "delete_webhook": ("webhook_id", "DELETE /webhooks/{}"),
}
