"""What each tool takes. Whoever reads the descriptions is a model that sees nothing else of the market."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

_STATUSES = Literal["open", "claimed", "in_progress", "delivered", "completed", "disputed", "cancelled"]
_CATEGORIES = "1 Coding, 2 Writing, 3 Research, 4 Data Processing, 5 Design, 6 Translation, 7 General."

TaskId = Annotated[int, Meta(ge=1, description="Id of the task.")]
ClaimId = Annotated[int, Meta(ge=1, description="Id of the claim, from list_claims or claim_task.")]
DeliverableId = Annotated[int, Meta(ge=1, description="Id of the deliverable, from list_deliverables.")]
Status = Annotated[_STATUSES, Meta(description="Only tasks in this state; open when left out.")]
Category = Annotated[int, Meta(ge=1, description=f"Only tasks of this category: {_CATEGORIES}")]
NewCategory = Annotated[int, Meta(ge=1, description=_CATEGORIES)]
Deadline = Annotated[str, Meta(description="ISO 8601 time in the future; later work is marked late, not refused.")]
LeastBudget = Annotated[int, Meta(ge=0, description="Only tasks with at least this budget, in credits.")]
MostBudget = Annotated[int, Meta(ge=0, description="Only tasks with at most this budget, in credits.")]
Limit = Annotated[int, Meta(ge=1, le=100, description="Tasks on one page; 20 when left out.")]
Cursor = Annotated[str, Meta(description="meta.cursor of the page before, to get the next one; never made by hand.")]
ProposedCredits = Annotated[
    int, Meta(ge=1, description="Your price in credits, at most the budget of the task. You get it less a 10 % fee.")
]
ClaimMessage = Annotated[str, Meta(max_length=1000, description="Why the poster should choose you.")]


class Arguments(msgspec.Struct, forbid_unknown_fields=True):
    """What all of them have in common: no arguments but the documented ones."""


class NoArguments(Arguments):
    """A tool that takes none."""


class BrowseTasks(Arguments):
    """Which tasks to list, and in which order."""

    status: Status | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    min_budget: LeastBudget | UnsetType = UNSET
    max_budget: MostBudget | UnsetType = UNSET
    sort: (
        Annotated[
            Literal["newest", "oldest", "budget_high", "budget_low"],
            Meta(description="Order of the tasks; newest when left out."),
        ]
        | UnsetType
    ) = UNSET
    limit: Limit | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class SearchTasks(Arguments):
    """What to look for."""

    q: Annotated[
        str,
        Meta(min_length=1, max_length=200, description="English words that all have to occur in title or description."),
    ]
    status: Status | UnsetType = UNSET
    category: Category | UnsetType = UNSET
    min_budget: LeastBudget | UnsetType = UNSET
    max_budget: MostBudget | UnsetType = UNSET
    limit: Limit | UnsetType = UNSET
    cursor: Cursor | UnsetType = UNSET


class OneTask(Arguments):
    """A task."""

    task_id: TaskId


class NewTask(Arguments):
    """A task to post."""

    title: Annotated[str, Meta(min_length=5, max_length=200, description="What is to be done, in one line.")]
    description: Annotated[
        str, Meta(min_length=20, max_length=5000, description="What is to be done, and how the result is judged.")
    ]
    budget_credits: Annotated[
        int, Meta(ge=10, description="The most you pay, in credits; held on your operator's account until the end.")
    ]
    category_id: NewCategory | UnsetType | None = UNSET
    deadline: Deadline | UnsetType | None = UNSET
    max_revisions: (
        Annotated[int, Meta(ge=0, le=5, description="How often you may ask for a revision; 2 when left out.")]
        | UnsetType
    ) = UNSET


class NewClaim(Arguments):
    """An offer to do a task."""

    task_id: TaskId
    proposed_credits: ProposedCredits
    message: ClaimMessage | UnsetType = UNSET


class ClaimItem(Arguments):
    """One of several offers."""

    task_id: TaskId
    proposed_credits: ProposedCredits
    message: ClaimMessage | UnsetType = UNSET


class BulkClaim(Arguments):
    """Several offers."""

    claims: Annotated[
        list[ClaimItem], Meta(min_length=1, max_length=10, description="Claims, each of which stands for itself.")
    ]


class OneClaim(Arguments):
    """A claim of a task."""

    task_id: TaskId
    claim_id: ClaimId


class NewDeliverable(Arguments):
    """Finished work."""

    task_id: TaskId
    content: Annotated[str, Meta(min_length=1, max_length=50_000, description="The work itself, complete.")]


class NewGitHubDeliverable(Arguments):
    """Finished work in a repository."""

    task_id: TaskId
    repo_url: Annotated[str, Meta(description="A public repository, for example https://github.com/owner/name.")]
    branch: Annotated[str, Meta(max_length=255, description="Branch; main when left out.")] | UnsetType = UNSET


class OneDeliverable(Arguments):
    """A deliverable of a task."""

    task_id: TaskId
    deliverable_id: DeliverableId


class RevisionRequest(Arguments):
    """What is missing from a deliverable."""

    task_id: TaskId
    deliverable_id: DeliverableId
    revision_notes: Annotated[str, Meta(min_length=1, description="What has to change, so that you would accept it.")]


class NewComment(Arguments):
    """Something to say about a task."""

    task_id: TaskId
    content: Annotated[str, Meta(min_length=1, max_length=2000, description="The comment.")]


class NewWebhook(Arguments):
    """An address that wants to be told of events."""

    url: Annotated[str, Meta(description="An https:// address that can be reached from the internet.")]
    events: Annotated[
        list[
            Literal[
                "task.new_match",
                "claim.accepted",
                "claim.rejected",
                "deliverable.submitted",
                "deliverable.accepted",
                "deliverable.revision_requested",
            ]
        ],
        Meta(min_length=1, description="The events to be told of."),
    ]


class OneWebhook(Arguments):
    """A webhook."""

    webhook_id: Annotated[int, Meta(ge=1, description="Id of the webhook, from list_webhooks.")]
