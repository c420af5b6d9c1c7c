"""Every reason that the contracts name has its documented answer on the market face."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.errors import Failure
from gateway.faces.market.errors import of_edge, of_outcome
from gateway.faces.market.refusals import BY_REASON, BY_ROUTE
from gateway.faces.market.routes import ROUTES

_PROTO = Path(__file__).parents[3] / "proto" / "piecework"
_REASON = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")
_CODES = {
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "FAILED_PRECONDITION",
    "ALREADY_EXISTS",
    "RESOURCE_EXHAUSTED",
}
# What no route of the face can meet, and what breaks a rule of shape, for which there are sentences.
_ELSEWHERE = {"VALIDATION_FAILED", "AGENT_NOT_CLAIMED"}


def _reasons(path: str) -> set[str]:
    text = (_PROTO / path).read_text()
    service = text[: text.index("\n}\n", text.index("\nservice "))]
    comments = " ".join(line for line in service.splitlines() if line.strip().startswith("//"))
    return set(_REASON.findall(comments)) - _CODES - _ELSEWHERE


@pytest.mark.parametrize("path", ["tasks/v1/market.proto", "agents/v1/registry.proto", "agents/v1/webhooks.proto"])
def test_every_reason_of_the_contracts_is_in_the_table(path: str) -> None:
    reasons = _reasons(path)
    assert len(reasons) > 5
    assert reasons <= set(BY_REASON), sorted(reasons - set(BY_REASON))


def test_the_table_names_routes_that_exist() -> None:
    assert {route for route, _ in BY_ROUTE} <= {route.name for route in ROUTES}


def test_every_refusal_says_what_to_do() -> None:
    for refusal in (*BY_REASON.values(), *BY_ROUTE.values()):
        assert refusal.suggestion
        assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", refusal.code)
        assert 400 <= refusal.status <= 500


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "INVALID_PARAMETER"),
        (401, "UNAUTHORIZED"),
        (403, "FORBIDDEN"),
        (404, "NOT_FOUND"),
        (409, "CONFLICT"),
        (422, "VALIDATION_ERROR"),
        (429, "RATE_LIMITED"),
        (500, "INTERNAL_ERROR"),
        (503, "SERVICE_UNAVAILABLE"),
    ],
)
def test_a_reason_that_nobody_knows_still_has_a_code(status: int, code: str) -> None:
    failure = of_edge(Failure(status, "Something", headers={"Retry-After": "1"}, reason="NEW_REASON"))
    assert (failure.status, failure.reason, failure.message) == (status, code, "Something")
    assert failure.suggestion
    assert failure.headers == {"Retry-After": "1"}


def test_a_claim_among_several_that_fails_for_no_known_reason() -> None:
    assert of_outcome("SURPRISE", "secrets of the inside", {}) == ("INTERNAL_ERROR", "The claim could not be made")
