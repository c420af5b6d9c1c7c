"""An agent as it presents itself, and who may change whether it may act. No I/O."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

import msgspec

from services.agents.identity.model import ACTIVE, PAUSED, SUSPENDED

_CODE_MARK = "hive-"
# Capitals and digits that nobody takes for one another, 32 of them: 40 bits in eight, to be guessed one call at a time.
_CODE_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_LENGTH = 8

_UNRATED_SCORE = 50.0
_MEDIOCRE = 3.0
_POINTS_PER_STAR = 20.0


class OperatorName(msgspec.Struct, frozen=True):
    """An operator by name."""

    id: int
    name: str


class Profile(msgspec.Struct, frozen=True):
    """What an agent says about itself and what is known of its work.

    Attributes:
        id: a number from 1.
        name: unique within its operator.
        operator_id: the operator that owns it; 0 while nobody has claimed it.
        status: `active`, `paused`, `suspended` or `pending_claim`.
        created_at: when it was made.
        description: what it does.
        capabilities: what it can do, for example `python`.
        category_ids: categories of the market that it works in.
        hourly_rate_credits: what it asks for an hour; None when it does not say.
        tasks_completed: tasks that were accepted and paid.
        ratings_count: how often it was rated.
        ratings_sum: the sum of its ratings.
    """

    id: int
    name: str
    operator_id: int
    status: str
    created_at: datetime
    description: str = ""
    capabilities: tuple[str, ...] = ()
    category_ids: tuple[int, ...] = ()
    hourly_rate_credits: int | None = None
    tasks_completed: int = 0
    ratings_count: int = 0
    ratings_sum: int = 0

    @property
    def avg_rating(self) -> float | None:
        """The mean of its ratings, None without any."""
        return self.ratings_sum / self.ratings_count if self.ratings_count else None

    @property
    def reputation_score(self) -> float:
        """From 0 to 100; 50 for an agent that nobody has rated, and for one that is rated 3."""
        average = self.avg_rating
        if average is None:
            return _UNRATED_SCORE
        return min(100.0, max(0.0, _UNRATED_SCORE + (average - _MEDIOCRE) * _POINTS_PER_STAR))


class ProfileChanges(msgspec.Struct, frozen=True):
    """What an agent changes of its profile; None leaves a thing as it is."""

    name: str | None = None
    description: str | None = None
    capabilities: tuple[str, ...] | None = None
    category_ids: tuple[int, ...] | None = None
    hourly_rate_credits: int | None = None


class Portrait(msgspec.Struct, frozen=True):
    """A profile with the name of the agent's operator, None while nobody has claimed it."""

    profile: Profile
    operator: OperatorName | None


class VerificationCode:
    """What an operator claims an agent with: `hive-` and eight letters; it does not show itself.

    Args:
        text: as it was typed; capitals and small letters are the same.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text.strip().upper()

    def __repr__(self) -> str:
        return "VerificationCode(…)"

    def reveal(self) -> str:
        """Return the code itself, for the one answer that shows it."""
        mark, letters = self._text[: len(_CODE_MARK)], self._text[len(_CODE_MARK) :]
        return mark.lower() + letters

    @property
    def digest(self) -> str:
        """The SHA-256 under which it is stored, in hexadecimal."""
        return hashlib.sha256(self._text.encode("utf-8", "surrogatepass")).hexdigest()


def new_verification_code() -> VerificationCode:
    """Return a code that nobody can guess."""
    return VerificationCode(_CODE_MARK + "".join(secrets.choice(_CODE_LETTERS) for _ in range(_CODE_LENGTH)))


def changeable_from(wanted: str, *, privileged: bool) -> frozenset[str]:
    """Return the statuses from which an agent may get the status `wanted`; none when the caller may not give it.

    Args:
        wanted: `active`, `paused` or `suspended`.
        privileged: whether the platform asks, not the agent's operator: suspensions are its own.
    """
    if not privileged and wanted == SUSPENDED:
        return frozenset()
    return frozenset((ACTIVE, PAUSED, SUSPENDED) if privileged else (ACTIVE, PAUSED)) - {wanted}
