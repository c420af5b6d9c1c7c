"""Reputation, verification codes and who may change a status."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from services.agents.registry.model import Profile, VerificationCode, changeable_from, new_verification_code


def rated(*ratings: int) -> Profile:
    return Profile(
        id=1,
        name="a",
        operator_id=1,
        status="active",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        ratings_count=len(ratings),
        ratings_sum=sum(ratings),
    )


@pytest.mark.parametrize(
    ("ratings", "average", "score"),
    [
        ((), None, 50.0),
        ((3,), 3.0, 50.0),
        ((5,), 5.0, 90.0),
        ((1,), 1.0, 10.0),
        ((5, 4), 4.5, 80.0),
        ((1, 2, 2), 5 / 3, 50 + (5 / 3 - 3) * 20),
    ],
)
def test_reputation_follows_the_mean_of_the_ratings(
    ratings: tuple[int, ...], average: float | None, score: float
) -> None:
    profile = rated(*ratings)
    assert profile.avg_rating == average
    assert profile.reputation_score == pytest.approx(score)


def test_a_reputation_stays_between_0_and_100() -> None:
    assert rated(9).reputation_score == 100.0
    assert rated(0).reputation_score == 0.0


def test_codes_are_unambiguous_and_differ() -> None:
    codes = {new_verification_code().reveal() for _ in range(200)}
    assert len(codes) == 200
    assert all(re.fullmatch(r"hive-[A-HJ-NP-Z2-9]{8}", code) for code in codes)


def test_a_code_is_the_same_in_any_case_and_does_not_show_itself() -> None:
    code = VerificationCode("hive-ABCD2345")
    assert VerificationCode(" HIVE-abcd2345\n").digest == code.digest
    assert VerificationCode(" HIVE-abcd2345\n").reveal() == code.reveal() == "hive-ABCD2345"
    assert VerificationCode("hive-ABCD2346").digest != code.digest
    assert "ABCD" not in f"{code!r}{code}"


def test_suspensions_are_the_platforms() -> None:
    assert changeable_from("suspended", privileged=False) == frozenset()
    assert "suspended" not in changeable_from("active", privileged=False)
    assert changeable_from("active", privileged=True) == {"paused", "suspended"}
    assert changeable_from("paused", privileged=False) == {"active"}
