"""Messages of the tasks service as the answers that the market face documents."""

from __future__ import annotations

from typing import Any

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import UNSET
from piecework.tasks.v1 import market_pb2

from gateway.faces.market import review_schemas, schemas
from gateway.faces.market.errors import of_outcome
from gateway.faces.market.statuses import (
    CLAIM_STATUS,
    DELIVERABLE_STATUS,
    DEPLOY_STATUS,
    KEY_SOURCE,
    TASK_STATUS,
    VERDICT,
)
from gateway.times import time_text
from kit.recent import Recent

_DEFAULT_BRANCH = "main"
_ROWS_BYTES = 24 * 1024 * 1024

_encode = msgspec.json.Encoder().encode
_rows: Recent[bytes, bytes] = Recent(_ROWS_BYTES)


def time_or_none(message: Any, name: str) -> str | None:
    """Return the time in the field `name`, None when it is not set."""
    at: Timestamp = getattr(message, name)
    return time_text(at) if message.HasField(name) else None


def listed_task(found: market_pb2.MarketTask) -> msgspec.Raw:
    """Return a task as lists show it, a `ListedTask` in JSON."""
    return msgspec.Raw(_row(found))


def found_task(found: market_pb2.FoundTask) -> msgspec.Raw:
    """Return a task that was found, a `FoundTask` in JSON."""
    relevance = _encode(round(found.relevance, 3))
    return msgspec.Raw(b'%b,"relevance":%b}' % (_row(found.task)[:-1], relevance))


def task(found: market_pb2.MarketTask) -> schemas.MarketTask:
    """Return a task in full."""
    return schemas.MarketTask(
        **_listed(found),
        requirements=found.requirements or None,
        claimed_by_agent_id=found.claimed_by_agent_id or None,
        deliverables_count=found.deliverables_count,
        auto_review_enabled=found.auto_review_enabled,
        poster_llm_provider=found.poster_llm_provider or None,
        poster_max_reviews=found.poster_max_reviews if found.HasField("poster_max_reviews") else None,
        poster_reviews_used=found.poster_reviews_used,
    )


def posted_task(made: market_pb2.MarketTask) -> schemas.PostedTask:
    """Return a task that was posted."""
    return schemas.PostedTask(
        id=made.id,
        title=made.title,
        description=made.description,
        requirements=made.requirements or None,
        budget_credits=made.budget_credits,
        category_id=made.category.id or None,
        status=TASK_STATUS[made.status],
        poster_id=made.poster.id,
        deadline=time_or_none(made, "deadline"),
        max_revisions=made.max_revisions,
        auto_review_enabled=made.auto_review_enabled,
        poster_llm_provider=made.poster_llm_provider or None,
        poster_max_reviews=made.poster_max_reviews if made.HasField("poster_max_reviews") else None,
        created_at=time_text(made.created_at),
    )


def new_claim(made: market_pb2.Claim) -> schemas.NewClaimMade:
    """Return a claim that was made."""
    return schemas.NewClaimMade(
        made.id,
        made.task_id,
        made.agent.id,
        made.proposed_credits,
        made.message or None,
        CLAIM_STATUS[made.status],
        time_text(made.created_at),
    )


def claim(found: market_pb2.Claim) -> schemas.TaskClaim:
    """Return a claim as the list of a task shows it."""
    return schemas.TaskClaim(
        found.id,
        found.task_id,
        found.agent.id,
        found.agent.name,
        found.proposed_credits,
        found.message or None,
        CLAIM_STATUS[found.status],
        time_text(found.created_at),
    )


def own_claim(found: market_pb2.OwnClaim) -> schemas.OwnClaim:
    """Return a claim as its agent sees it."""
    each = found.claim
    return schemas.OwnClaim(
        each.id,
        each.task_id,
        found.task_title,
        TASK_STATUS[found.task_status],
        each.proposed_credits,
        each.message or None,
        CLAIM_STATUS[each.status],
        time_text(each.created_at),
    )


def claim_decision(decided: market_pb2.Claim) -> schemas.ClaimDecision:
    """Return a claim that its poster decided on."""
    return schemas.ClaimDecision(decided.task_id, decided.id, decided.agent.id, CLAIM_STATUS[decided.status])


def claim_results(made: market_pb2.CreateClaimsResponse) -> schemas.ClaimResults:
    """Return what became of several claims."""
    results = [_claim_result(each) for each in made.outcomes]
    succeeded = sum(each.ok for each in results)
    summary = schemas.ClaimSummary(succeeded, len(results) - succeeded, len(results))
    return schemas.ClaimResults(results, summary)


def _claim_result(outcome: market_pb2.ClaimOutcome) -> schemas.ClaimResult:
    if outcome.HasField("claim"):
        return schemas.ClaimResult(outcome.task_id, ok=True, claim_id=outcome.claim.id)
    code, message = of_outcome(outcome.reason, outcome.message, outcome.metadata)
    return schemas.ClaimResult(outcome.task_id, ok=False, error=schemas.ClaimProblem(code, message))


def deliverable(found: market_pb2.Deliverable) -> schemas.MarketDeliverable:
    """Return work that was handed in."""
    return schemas.MarketDeliverable(
        id=found.id,
        task_id=found.task_id,
        agent_id=found.agent_id,
        content=found.content,
        status=DELIVERABLE_STATUS[found.status],
        revision_notes=found.revision_notes or None,
        revision_number=found.revision_number,
        submitted_at=time_text(found.submitted_at),
        is_late=found.is_late,
        github=_preview(found.deployment) if found.HasField("deployment") else UNSET,
    )


def _preview(found: market_pb2.Deployment) -> schemas.GithubPreview:
    return schemas.GithubPreview(
        found.preview_url or None,
        DEPLOY_STATUS[found.status],
        found.source_repo_url,
        found.source_branch or _DEFAULT_BRANCH,
    )


def deployed(found: market_pb2.Deployment) -> schemas.Deployed:
    """Return how a preview stands."""
    return schemas.Deployed(
        DEPLOY_STATUS[found.status],
        found.preview_url or None,
        found.error_message or None,
        found.source_repo_url,
        found.source_branch or None,
    )


def comment(found: market_pb2.Comment) -> review_schemas.TaskComment:
    """Return something said about a task."""
    author = schemas.Named(found.author.id, found.author.name)
    return review_schemas.TaskComment(found.id, found.content, time_text(found.created_at), author)


def review_config(found: market_pb2.GetReviewConfigResponse) -> review_schemas.ReviewConfig:
    """Return what a reviewer needs."""
    return review_schemas.ReviewConfig(
        auto_review_enabled=found.auto_review_enabled,
        poster_llm_key=found.poster_llm_key or None,
        poster_llm_provider=found.poster_llm_provider or None,
        poster_max_reviews=found.poster_max_reviews if found.HasField("poster_max_reviews") else None,
        poster_reviews_used=found.poster_reviews_used,
        poster_key_usable=found.poster_key_usable,
        poster_limit_reached=found.poster_limit_reached,
        freelancer_llm_key=found.freelancer_llm_key or None,
        freelancer_llm_provider=found.freelancer_llm_provider or None,
        freelancer_key_available=found.freelancer_key_available,
    )


def review(made: market_pb2.CreateReviewResponse) -> review_schemas.StoredReview:
    """Return a review that was stored."""
    found = made.review
    scores = msgspec.json.decode(found.scores_json) if found.scores_json else None
    verdict, source = VERDICT[found.verdict], KEY_SOURCE[found.key_source]
    feedback = found.feedback or None
    return review_schemas.StoredReview(
        id=found.id,
        deliverable_id=found.deliverable_id,
        task_id=found.task_id,
        agent_id=found.agent_id,
        review_result=verdict,
        review_feedback=feedback,
        review_scores=scores,
        review_key_source=source,
        verdict=verdict,
        feedback=feedback,
        scores=scores,
        key_source=source,
        llm_model_used=found.llm_model_used or None,
        reviewed_at=time_text(found.reviewed_at),
        created_at=time_text(found.created_at),
        poster_reviews_used=made.poster_reviews_used,
    )


def _row(found: market_pb2.MarketTask) -> bytes:
    """Return what lists show of a task: they show the same tasks again and again."""
    message = found.SerializeToString()
    row = _rows.get(message)
    if row is None:
        row = _encode(schemas.ListedTask(**_listed(found)))
        _rows.put(message, row, len(message) + len(row))
    return row


def _listed(found: market_pb2.MarketTask) -> dict[str, Any]:
    category = found.category
    return {
        "id": found.id,
        "title": found.title,
        "description": found.description,
        "budget_credits": found.budget_credits,
        "category": (
            schemas.MarketCategory(category.id, category.name, category.slug) if found.HasField("category") else None
        ),
        "status": TASK_STATUS[found.status],
        "poster": schemas.Named(found.poster.id, found.poster.name),
        "claims_count": found.claims_count,
        "deadline": time_or_none(found, "deadline"),
        "max_revisions": found.max_revisions,
        "created_at": time_text(found.created_at),
    }
