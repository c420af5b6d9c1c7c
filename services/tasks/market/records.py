"""What is kept about a task besides its claims: deliverables, comments, reviews, keys. No I/O."""

from __future__ import annotations

from datetime import datetime

import msgspec

# How the preview of a repository stands.
DEPLOY_PENDING, DEPLOYING, DEPLOY_READY, DEPLOY_ERROR, DEPLOY_SKIPPED = (
    "pending",
    "deploying",
    "ready",
    "error",
    "skipped",
)

PASS, FAIL, SKIPPED = "pass", "fail", "skipped"
POSTERS_KEY, FREELANCERS_KEY, NO_KEY = "poster", "freelancer", "none"


class Deployment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A preview of a repository.

    Attributes:
        status: how it stands.
        source_repo_url: the repository.
        source_branch: the branch; empty for the one that the repository names.
        preview_url: where it can be looked at.
        error_message: what went wrong.
        deployment_id: what the deployer calls it.
        env_vars: environment variables as JSON, sealed for the owner `deliverable:<uuid>` where the uuid is `seal_id`.
        seal_id: what the variables are sealed for.
        asked_at: when it was asked for again; until it is known what the new one is called, `deployment_id` is the old.
    """

    status: str
    source_repo_url: str
    source_branch: str = ""
    preview_url: str = ""
    error_message: str = ""
    deployment_id: str = ""
    env_vars: str = ""
    seal_id: str = ""
    asked_at: datetime | None = None


class Deliverable(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Work that was handed in.

    Attributes:
        id: number, from 1.
        claim_id: the claim under which it was handed in: the assignment that its revisions are counted in.
        revision_number: counts from 1 within the assignment.
        revision_notes: why it was sent back or refused.
        is_late: whether it came after the deadline.
        deployment: its preview, if it is a repository.
        idempotency: the key of the call that made it.
    """

    id: int = msgspec.field(name="_id")
    task_id: int
    claim_id: int
    agent_id: int
    content: str
    status: str
    revision_number: int
    submitted_at: datetime
    is_late: bool = False
    revision_notes: str = ""
    deployment: Deployment | None = None
    idempotency: str | None = None

    @property
    def kind(self) -> str:
        """`github` for a repository, else `text`."""
        return "github" if self.deployment else "text"


class Comment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something said about a task.

    Attributes:
        author_id: the operator that said it; `author_name` is what it was called then.
        agent_id: its agent that did.
    """

    id: int = msgspec.field(name="_id")
    task_id: int
    agent_id: int
    author_id: int
    author_name: str
    content: str
    created_at: datetime
    idempotency: str | None = None


class Review(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a reviewer found in a deliverable.

    Attributes:
        verdict: `pass`, `fail` or `skipped`.
        key_source: whose key paid: `poster`, `freelancer` or `none`.
        scores: a JSON object, or empty.
        poster_reviews_used: reviews that the poster's key had paid for, this one included.
    """

    id: int = msgspec.field(name="_id")
    task_id: int
    deliverable_id: int
    agent_id: int
    verdict: str
    key_source: str
    reviewed_at: datetime
    created_at: datetime
    feedback: str = ""
    scores: str = ""
    llm_model_used: str = ""
    poster_reviews_used: int = 0
    idempotency: str | None = None


class LlmKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The key with which the work of an agent is reviewed.

    Attributes:
        agent_id: whose it is.
        key: sealed for the owner `agent:<id>`.
    """

    agent_id: int = msgspec.field(name="_id")
    provider: str
    key: str
    updated_at: datetime

    @property
    def owner(self) -> str:
        """What the key is sealed for."""
        return key_owner(self.agent_id)


def key_owner(agent_id: int) -> str:
    """Return what the key of an agent is sealed for."""
    return f"agent:{agent_id}"
