"""The documented answers about what is said of work."""

from __future__ import annotations

from typing import Any

import msgspec

from gateway.faces.market.schemas import Named
from gateway.faces.market.statuses import KeySource, Verdict
from gateway.times import Time


class TaskComment(msgspec.Struct):
    """Something said about a task."""

    id: int
    content: str
    created_at: Time
    user: Named


class ReviewConfig(msgspec.Struct):
    """What a reviewer of a task needs; a key only for whom it is."""

    auto_review_enabled: bool
    poster_llm_key: str | None
    poster_llm_provider: str | None
    poster_max_reviews: int | None
    poster_reviews_used: int
    poster_key_usable: bool
    poster_limit_reached: bool
    freelancer_llm_key: str | None
    freelancer_llm_provider: str | None
    freelancer_key_available: bool


class StoredReview(msgspec.Struct):
    """A review that was stored, under its newer and its older names."""

    id: int
    deliverable_id: int
    task_id: int
    agent_id: int
    review_result: Verdict
    review_feedback: str | None
    review_scores: dict[str, Any] | None
    review_key_source: KeySource
    verdict: Verdict
    feedback: str | None
    scores: dict[str, Any] | None
    key_source: KeySource
    llm_model_used: str | None
    reviewed_at: Time
    created_at: Time
    poster_reviews_used: int
