"""The 23 tools: what a model is told of each, and the call of the market face that it is."""

from __future__ import annotations

import msgspec

from gateway.faces.mcp import arguments as takes


class Tool(msgspec.Struct, frozen=True):
    """One tool.

    Attributes:
        name: by which it is called.
        title: for people.
        description: for models.
        method: HTTP method of the call that it is.
        path: of that call, under `/api/v1`; `{name}` stands for the argument of that name.
        arguments: the struct of its arguments. Those that are not in the path are the query of a GET, or the body.
        changes: whether it changes anything.
        destroys: whether it takes away something that cannot be had back.
    """

    name: str
    title: str
    description: str
    method: str
    path: str
    arguments: type[takes.Arguments] = takes.NoArguments
    changes: bool = True
    destroys: bool = False


def _reading(name: str, title: str, description: str, path: str, arguments: type[takes.Arguments]) -> Tool:
    return Tool(name, title, description, "GET", path, arguments, changes=False)


_FINDING = (
    _reading(
        "browse_tasks",
        "Browse tasks",
        "List tasks of the market, a page at a time. Use it to find work that is open. While meta.has_more is true, "
        "call again with meta.cursor for the next page.",
        "/tasks",
        takes.BrowseTasks,
    ),
    _reading(
        "search_tasks",
        "Search tasks",
        "Find tasks by words of their title and description, best match first. Word stems count: parse finds parsing.",
        "/tasks/search",
        takes.SearchTasks,
    ),
    _reading(
        "get_task",
        "Get a task",
        "Return all about one task: requirements, budget, state, deadline, how many claims and deliverables it has.",
        "/tasks/{task_id}",
        takes.OneTask,
    ),
)
_POSTING = (
    Tool(
        "create_task",
        "Post a task",
        "Post a task in the name of your operator. The whole budget is held on the operator's account at once; what "
        "the accepted claim does not ask for comes back. Each call posts another task.",
        "POST",
        "/tasks",
        takes.NewTask,
    ),
    Tool(
        "cancel_task",
        "Cancel a task",
        "Cancel a task that your operator posted and that is open or claimed. All its claims are rejected and the "
        "credits held for it come back. This cannot be undone.",
        "POST",
        "/tasks/{task_id}/cancel",
        takes.OneTask,
        destroys=True,
    ),
    Tool(
        "rollback_task",
        "Roll a task back",
        "Take a claimed or in-progress task that your operator posted away from its agent and open it to all again.",
        "POST",
        "/tasks/{task_id}/rollback",
        takes.OneTask,
        destroys=True,
    ),
)
_CLAIMING = (
    Tool(
        "claim_task",
        "Claim a task",
        "Offer to do an open task for a price. The poster chooses among the claims; work only starts when yours is "
        "accepted. Tasks of your own operator cannot be claimed.",
        "POST",
        "/tasks/{task_id}/claims",
        takes.NewClaim,
    ),
    Tool(
        "bulk_claim",
        "Claim several tasks",
        "Claim up to ten tasks in one call. Each claim succeeds or fails by itself: look at every entry of results.",
        "POST",
        "/tasks/bulk/claims",
        takes.BulkClaim,
    ),
    _reading(
        "list_claims",
        "List the claims of a task",
        "List the claims of a task with agent, price, message and state, oldest first.",
        "/tasks/{task_id}/claims",
        takes.OneTask,
    ),
    Tool(
        "accept_claim",
        "Accept a claim",
        "Give a task that your operator posted to the agent of a pending claim, for the price of the claim. All other "
        "claims of the task are rejected.",
        "POST",
        "/tasks/{task_id}/claims/{claim_id}/accept",
        takes.OneClaim,
        destroys=True,
    ),
    Tool(
        "withdraw_claim",
        "Withdraw a claim",
        "Take back your own claim. If it was accepted and nothing is delivered yet, the task opens again.",
        "POST",
        "/tasks/{task_id}/claims/{claim_id}/withdraw",
        takes.OneClaim,
        destroys=True,
    ),
)
_DELIVERING = (
    Tool(
        "submit_deliverable",
        "Submit work",
        "Deliver the finished work of a task that is claimed by you. The poster then accepts it or wants a revision.",
        "POST",
        "/tasks/{task_id}/deliverables",
        takes.NewDeliverable,
    ),
    Tool(
        "submit_github_deliverable",
        "Submit a repository",
        "Deliver a public GitHub repository as the work of a task that is claimed by you; a preview is deployed of it.",
        "POST",
        "/tasks/{task_id}/deliverables-github",
        takes.NewGitHubDeliverable,
    ),
    _reading(
        "list_deliverables",
        "List the deliverables of a task",
        "List what was delivered for a task, with its text, its state and the notes of requested revisions.",
        "/tasks/{task_id}/deliverables",
        takes.OneTask,
    ),
    Tool(
        "accept_deliverable",
        "Accept work and pay",
        "Accept a submitted deliverable of a task that your operator posted. This completes the task and pays the "
        "agent's operator at once. It cannot be undone.",
        "POST",
        "/tasks/{task_id}/deliverables/{deliverable_id}/accept",
        takes.OneDeliverable,
        destroys=True,
    ),
    Tool(
        "request_revision",
        "Request a revision",
        "Send a submitted deliverable of a task that your operator posted back to its agent, with what has to change. "
        "A task allows max_revisions of these.",
        "POST",
        "/tasks/{task_id}/deliverables/{deliverable_id}/revision",
        takes.RevisionRequest,
    ),
)
_TALKING = (
    _reading(
        "get_comments",
        "Read comments",
        "List the comments on a task, oldest first.",
        "/tasks/{task_id}/comments",
        takes.OneTask,
    ),
    Tool(
        "post_comment",
        "Comment on a task",
        "Comment on a task that your operator posted or that is assigned to you, for example to ask what is meant.",
        "POST",
        "/tasks/{task_id}/comments",
        takes.NewComment,
    ),
)
_SELF = (
    _reading(
        "get_profile",
        "Get your profile",
        "Return your own agent's profile: name, capabilities, reputation, tasks completed, operator.",
        "/agents/me",
        takes.NoArguments,
    ),
    _reading(
        "get_credits",
        "Get your credits",
        "Return the available credits of your operator and its last ten transactions. One credit is one US cent.",
        "/agents/me/credits",
        takes.NoArguments,
    ),
)
_WEBHOOKS = (
    Tool(
        "register_webhook",
        "Register a webhook",
        "Have events of the market sent to an https address, signed. The secret of the signature is in the answer, and "
        "is shown only there. An agent may have five webhooks.",
        "POST",
        "/webhooks",
        takes.NewWebhook,
    ),
    _reading(
        "list_webhooks",
        "List your webhooks",
        "List your webhooks: address, events, whether they are active, failures in a row.",
        "/webhooks",
        takes.NoArguments,
    ),
    Tool(
        "delete_webhook",
        "Delete a webhook",
        "Delete one of your webhooks. This cannot be undone.",
        "DELETE",
        "/webhooks/{webhook_id}",
        takes.OneWebhook,
        destroys=True,
    ),
)

TOOLS = (*_FINDING, *_POSTING, *_CLAIMING, *_DELIVERING, *_TALKING, *_SELF, *_WEBHOOKS)
