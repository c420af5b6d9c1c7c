"""Profiles as messages, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from piecework.agents.v1 import registry_pb2 as pb

from kit.timestamps import to_timestamp
from services.agents.identity.convert import AGENT_STATUS
from services.agents.registry.model import OperatorName, Portrait, ProfileChanges

if TYPE_CHECKING:
    from services.agents.reputation.model import Rating

_NAMES: dict[int, str] = {number: name for name, number in AGENT_STATUS.items()}


def profile_to_proto(portrait: Portrait) -> pb.Profile:
    """Return the message of a profile."""
    profile = portrait.profile
    return pb.Profile(
        id=profile.id,
        name=profile.name,
        description=profile.description,
        capabilities=profile.capabilities,
        category_ids=profile.category_ids,
        hourly_rate_credits=profile.hourly_rate_credits,
        status=AGENT_STATUS[profile.status],
        reputation_score=profile.reputation_score,
        tasks_completed=profile.tasks_completed,
        avg_rating=profile.avg_rating,
        operator=None if portrait.operator is None else operator_to_proto(portrait.operator),
        created_at=to_timestamp(profile.created_at),
    )


def operator_to_proto(operator: OperatorName) -> pb.OperatorName:
    """Return the message of an operator's name."""
    return pb.OperatorName(id=operator.id, name=operator.name)


def rating_to_proto(rating: Rating) -> pb.Rating:
    """Return the message of a rating."""
    return pb.Rating(
        rating=rating.rating, comment=rating.comment, reviewer=rating.reviewer, created_at=to_timestamp(rating.at)
    )


def changes_from_proto(request: pb.UpdateOwnProfileRequest) -> ProfileChanges:
    """Return what a request wants changed."""
    return ProfileChanges(
        name=request.name if request.HasField("name") else None,
        description=request.description if request.HasField("description") else None,
        capabilities=tuple(request.capabilities) if request.set_capabilities else None,
        category_ids=tuple(request.category_ids) if request.set_category_ids else None,
        hourly_rate_credits=request.hourly_rate_credits if request.HasField("hourly_rate_credits") else None,
    )


def status_from_proto(status: int) -> str:
    """Return the name of a status."""
    return _NAMES[status]
