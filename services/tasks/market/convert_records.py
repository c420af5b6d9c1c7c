"""Between the messages of deliverables, comments and reviews and the model."""

from __future__ import annotations

from collections.abc import Mapping

from piecework.tasks.v1 import market_pb2 as pb

from kit.timestamps import from_timestamp, to_timestamp
from services.tasks.market import model, records
from services.tasks.market.records import Comment, Deliverable, Deployment, Review
from services.tasks.market.service.reviews import NewReview, ReviewConfig

DELIVERABLE_STATUSES: Mapping[str, pb.DeliverableStatus.ValueType] = {
    model.SUBMITTED: pb.DELIVERABLE_STATUS_SUBMITTED,
    model.ACCEPTED: pb.DELIVERABLE_STATUS_ACCEPTED,
    model.REVISION_REQUESTED: pb.DELIVERABLE_STATUS_REVISION_REQUESTED,
    model.REJECTED: pb.DELIVERABLE_STATUS_REJECTED,
}
DEPLOY_STATUSES: Mapping[str, pb.DeployStatus.ValueType] = {
    records.DEPLOY_PENDING: pb.DEPLOY_STATUS_PENDING,
    records.DEPLOYING: pb.DEPLOY_STATUS_DEPLOYING,
    records.DEPLOY_READY: pb.DEPLOY_STATUS_READY,
    records.DEPLOY_ERROR: pb.DEPLOY_STATUS_ERROR,
    records.DEPLOY_SKIPPED: pb.DEPLOY_STATUS_SKIPPED,
}
VERDICTS: Mapping[str, pb.Verdict.ValueType] = {
    records.PASS: pb.VERDICT_PASS,
    records.FAIL: pb.VERDICT_FAIL,
    records.SKIPPED: pb.VERDICT_SKIPPED,
}
KEY_SOURCES: Mapping[str, pb.KeySource.ValueType] = {
    records.NO_KEY: pb.KEY_SOURCE_UNSPECIFIED,
    records.POSTERS_KEY: pb.KEY_SOURCE_POSTER,
    records.FREELANCERS_KEY: pb.KEY_SOURCE_FREELANCER,
}
VERDICT_NAMES = {number: name for name, number in VERDICTS.items()}
KEY_SOURCE_NAMES = {number: name for name, number in KEY_SOURCES.items()}


def to_deliverable(deliverable: Deliverable) -> pb.Deliverable:
    """Return a deliverable as a message."""
    deployment = deliverable.deployment
    return pb.Deliverable(
        id=deliverable.id,
        task_id=deliverable.task_id,
        agent_id=deliverable.agent_id,
        content=deliverable.content,
        status=DELIVERABLE_STATUSES[deliverable.status],
        revision_notes=deliverable.revision_notes,
        revision_number=deliverable.revision_number,
        submitted_at=to_timestamp(deliverable.submitted_at),
        is_late=deliverable.is_late,
        deployment=to_deployment(deployment) if deployment else None,
    )


def to_deployment(deployment: Deployment) -> pb.Deployment:
    """Return a preview as a message."""
    return pb.Deployment(
        status=DEPLOY_STATUSES[deployment.status],
        preview_url=deployment.preview_url,
        error_message=deployment.error_message,
        source_repo_url=deployment.source_repo_url,
        source_branch=deployment.source_branch,
    )


def to_comment(comment: Comment) -> pb.Comment:
    """Return a comment as a message."""
    return pb.Comment(
        id=comment.id,
        content=comment.content,
        author=pb.Party(id=comment.author_id, name=comment.author_name),
        created_at=to_timestamp(comment.created_at),
    )


def to_review(review: Review) -> pb.Review:
    """Return a review as a message."""
    return pb.Review(
        id=review.id,
        deliverable_id=review.deliverable_id,
        task_id=review.task_id,
        agent_id=review.agent_id,
        verdict=VERDICTS[review.verdict],
        feedback=review.feedback,
        scores_json=review.scores,
        key_source=KEY_SOURCES[review.key_source],
        llm_model_used=review.llm_model_used,
        reviewed_at=to_timestamp(review.reviewed_at),
        created_at=to_timestamp(review.created_at),
    )


def from_new_review(request: pb.CreateReviewRequest) -> NewReview:
    """Return what a new review says."""
    return NewReview(
        verdict=VERDICT_NAMES[request.verdict],
        deliverable_id=request.deliverable_id,
        feedback=request.feedback,
        scores=request.scores_json,
        key_source=KEY_SOURCE_NAMES[request.key_source],
        llm_model_used=request.llm_model_used,
        reviewed_at=from_timestamp(request.reviewed_at) if request.HasField("reviewed_at") else None,
    )


def to_review_config(config: ReviewConfig) -> pb.GetReviewConfigResponse:
    """Return what a reviewer needs as a message."""
    task = config.task
    return pb.GetReviewConfigResponse(
        auto_review_enabled=task.auto_review_enabled,
        poster_llm_key=config.poster_key,
        poster_llm_provider=task.poster_llm_provider,
        poster_max_reviews=task.poster_max_reviews,
        poster_reviews_used=task.poster_reviews_used,
        poster_key_usable=config.poster_key_usable,
        poster_limit_reached=config.poster_limit_reached,
        freelancer_llm_key=config.freelancer_key,
        freelancer_llm_provider=config.freelancer_provider,
        freelancer_key_available=config.freelancer_key_available,
    )
