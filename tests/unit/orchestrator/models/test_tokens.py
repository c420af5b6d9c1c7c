"""Estimates of tokens."""

from __future__ import annotations

from services.orchestrator.models.tokens import estimate_input, estimate_tokens, most_tokens


def test_about_four_bytes_are_a_token() -> None:
    assert [estimate_tokens("x" * length) for length in (0, 1, 4, 5, 400)] == [0, 1, 1, 2, 100]
    assert estimate_tokens("蜜蜂") == 2
    assert estimate_tokens("\ud800") == 1


def test_the_worst_case_is_more() -> None:
    for texts in ([], [""], ["x"], ["x" * 999, "蜂" * 77]):
        assert most_tokens(texts) > estimate_input(texts)
